"""How long an organization may keep its events."""

from domain.errors import ErrorCode, UserError

MAX_MONTHS = 1_200  # the CHECK of organizations.event_retention_months


def months_problem(months: int | None) -> UserError | None:
    """Why a retention is refused; None for months is for ever."""
    if months is None or 1 <= months <= MAX_MONTHS:
        return None
    text = f"Keep events for 1 to {MAX_MONTHS} months, or for ever by giving null."
    return UserError(ErrorCode.OUT_OF_RANGE, text, ("input", "months"))
