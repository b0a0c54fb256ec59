"""Findings: how grave, until when, and what it takes to close them.

145.B.350 (and M.B.605 before it) of the competent authority, which organizations use for findings of their own: a
level 1 finding takes immediate action; a level 2 finding a period for corrective action of at most three months, which
can be extended at its end when the plan for it is satisfactory; an observation is advice. How many days the period
has is the organization's setting, 90 unless it says otherwise.
"""

from collections.abc import Collection, Iterable
from datetime import date, timedelta

from db.quality.actions import ActionStatus
from db.quality.findings import FindingLevel, FindingStatus
from domain.errors import ErrorCode, refuse
from domain.fleet.rules import texts

LONGEST_PERIOD = 365
UNSETTLED = {ActionStatus.PROPOSED, ActionStatus.ACCEPTED, ActionStatus.IMPLEMENTED}
OVERDUE_REASON = "an extension is decided on before the period ends"

title = texts.named("The title", 200)
requirement = texts.named("The requirement", 200)
description = texts.lines("The description", 4000)
immediate_action = texts.lines("The immediate action", 4000)
reason = texts.lines("The reason", 4000)
closing_note = texts.lines("The note", 4000)


def raised_on(day: date, today: date) -> date:
    if day > today:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"{day} is in the future; the organization's today is {today}.")
    return day


def due_on(level: FindingLevel, raised: date, days: int, contained: date | None = None) -> date | None:
    """When it has to be mended: the last day that is still in time.

    Level 1: the immediate action on the very day; once that was taken, the rest within the period of a level 2
    finding, counted from the action. Level 2: `days` after it was raised. An observation: never.
    """
    if level is FindingLevel.OBSERVATION:
        return None
    if level is FindingLevel.LEVEL_2:
        return raised + timedelta(days=days)
    return raised if contained is None else contained + timedelta(days=days)


def agreed(day: date, *, level: FindingLevel, raised: date, days: int) -> date:
    """A due day that was agreed on for a level 2 finding: in the period, never beyond it."""
    if level is not FindingLevel.LEVEL_2:
        raise refuse(ErrorCode.NOT_ALLOWED, f"The due day of a finding of the kind {level} follows from its level.")
    last = raised + timedelta(days=days)
    if not raised <= day <= last:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"{day} is outside the period of {days} days, {raised} to {last}.")
    return day


def extension_obstacles(
    *, level: str, status: str, due: date | None, extended: bool, today: date, actions: Collection[str]
) -> list[str]:
    """What keeps the period of a finding from being extended, each as a sentence."""
    found = []
    if status != FindingStatus.OPEN:
        found.append("The finding is closed.")
    if level != FindingLevel.LEVEL_2:
        found.append("Only the period of a level 2 finding can be extended.")
    if extended:
        found.append("It was extended before, and a finding is extended once.")
    if due is not None and due < today:
        found.append(f"Its period ended on {due}; {OVERDUE_REASON}.")
    if ActionStatus.ACCEPTED not in actions:
        found.append("No plan for it is accepted; accept a corrective action that is still to be done first.")
    return found


def extended_to(day: date, *, due: date, days: int) -> date:
    """A later due day: at most as much again as a finding usually gets."""
    last = due + timedelta(days=days)
    if not due < day <= last:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"{day} is no extension of {due}; choose a day up to {last}.")
    return day


def closing_obstacles(*, level: str, status: str, contained: bool, actions: Iterable[tuple[str, date]]) -> list[str]:
    """What keeps a finding from being closed, each as a sentence. `actions`: status and target day of each."""
    actions = sorted(actions, key=lambda each: each[1])
    found = []
    if status != FindingStatus.OPEN:
        found.append("The finding is closed already.")
    if level == FindingLevel.LEVEL_1 and not contained:
        found.append("A level 1 finding takes an immediate action; record it first.")
    found += [
        f"The corrective action with the target day {target} is {state}; it must be verified, or rejected."
        for state, target in actions
        if state in UNSETTLED
    ]
    if level != FindingLevel.OBSERVATION and ActionStatus.VERIFIED not in {state for state, _ in actions}:
        found.append("No corrective action was verified; what closes a finding is one that somebody else verified.")
    return found
