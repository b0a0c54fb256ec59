"""GCRA, the generic cell rate algorithm (ITU-T I.371): a burst at once, then one every interval."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Rule:
    """`burst` attempts at once, then one every `interval`. `name` tells rules apart in the store."""

    name: str
    burst: int
    interval: timedelta


@dataclass(frozen=True)
class Decision:
    """`free_at` is the theoretical arrival time to keep (seconds); `retry_after` is 0 when allowed."""

    allowed: bool
    free_at: float
    retry_after: float = 0.0


SIGN_IN_ACCOUNT = Rule("sign-in:account", burst=5, interval=timedelta(seconds=60))
SIGN_IN_ADDRESS = Rule("sign-in:address", burst=60, interval=timedelta(seconds=2))
TOKEN_ADDRESS = Rule("token:address", burst=30, interval=timedelta(seconds=5))
MAIL_ACCOUNT = Rule("mail:account", burst=4, interval=timedelta(minutes=10))
MAIL_ADDRESS = Rule("mail:address", burst=60, interval=timedelta(seconds=20))


def gcra(free_at: float | None, now: float, rule: Rule) -> Decision:
    """Whether an attempt at `now` (seconds) is allowed, given the time kept by the one before."""
    interval = rule.interval.total_seconds()
    start = max(free_at if free_at is not None else now, now)
    wait = start + interval - rule.burst * interval - now
    if wait > 1e-9:
        return Decision(False, start, wait)
    return Decision(True, start + interval)


def refund(free_at: float, rule: Rule) -> float:
    """The time to keep after an attempt turned out not to count."""
    return free_at - rule.interval.total_seconds()
