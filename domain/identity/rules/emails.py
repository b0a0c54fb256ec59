"""E-mail addresses: syntax and the one spelling we keep. Unique without case."""

from domain.errors import ErrorCode, UserError, UserErrors


def normalize(email: str, *path: str) -> str:
    """The address in its normal form (RFC 5321 syntax, domain in lower case); UserErrors when it is none."""
    # Its tables take a fifteenth of a process's start to load; most never need them.
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(email.strip(), check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise UserErrors(UserError(ErrorCode.INVALID, f"This is no e-mail address: {error}", path)) from None
