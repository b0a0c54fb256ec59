"""Collecting refusals, so that a person sees at once everything there is to mend."""

from collections.abc import Callable
from typing import TypeVar

from domain.errors import ErrorCode, UserError, UserErrors

Value = TypeVar("Value")
Result = TypeVar("Result")


class Refusals:
    """Runs rules and keeps what they refuse; `root` is the mutation's argument that the paths lie under."""

    def __init__(self, root: str = "input") -> None:
        self._root = root
        self.errors: list[UserError] = []

    def add(self, code: ErrorCode, message: str, *path: str) -> None:
        self.errors.append(UserError(code, message, (self._root, *path)))

    def take(self, rule: Callable[[Value], Result], value: Value, *path: str) -> Result | None:
        """The rule's result, or None when it refused (then its errors are kept, under `path`)."""
        try:
            return rule(value)
        except UserErrors as refused:
            for error in refused.errors:
                self.add(error.code, error.message, *path, *error.path)
            return None

    def optional(self, rule: Callable[[Value], Result], value: Value | None, *path: str) -> Result | None:
        """As `take`; an absent or blank value is None without a refusal."""
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        return self.take(rule, value, *path)

    def finish(self) -> None:
        """Raises UserErrors when anything was refused."""
        if self.errors:
            raise UserErrors(*self.errors)
