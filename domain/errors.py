"""What a command can refuse. A person can mend a UserErrors; the rest end the operation."""

from dataclasses import dataclass
from enum import StrEnum


class ErrorCode(StrEnum):
    """Why an input was refused (in a payload's `errors`)."""

    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    TAKEN = "TAKEN"
    TOO_WEAK = "TOO_WEAK"
    TOO_LONG = "TOO_LONG"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    NOT_FOUND = "NOT_FOUND"
    NOT_ALLOWED = "NOT_ALLOWED"
    EXPIRED = "EXPIRED"
    STALE = "STALE"
    IN_USE = "IN_USE"


@dataclass(frozen=True)
class UserError:
    """One thing a person can mend: `path` leads to it from the mutation's arguments, in GraphQL names."""

    code: ErrorCode
    message: str
    path: tuple[str, ...] = ()


class UserErrors(Exception):  # noqa: N818 - it carries errors, it is not one
    """Refuses a command with everything a person must mend, all at once."""

    def __init__(self, *errors: UserError) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


def refuse(code: ErrorCode, message: str, *path: str) -> UserErrors:
    return UserErrors(UserError(code, message, path))


class OperationError(Exception):
    """Ends an operation with a top-level error; `code` becomes `extensions.code`."""

    code = "INTERNAL"


class BadUserInputError(OperationError):
    code = "BAD_USER_INPUT"


class UnauthenticatedError(OperationError):
    code = "UNAUTHENTICATED"


class ForbiddenError(OperationError):
    code = "FORBIDDEN"


class NotFoundError(OperationError):
    code = "NOT_FOUND"


class ConflictError(OperationError):
    code = "CONFLICT"


class RateLimitedError(OperationError):
    code = "RATE_LIMITED"
