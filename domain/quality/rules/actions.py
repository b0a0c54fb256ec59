"""Corrective and preventive actions: PROPOSED, ACCEPTED (or REJECTED), IMPLEMENTED, VERIFIED.

145.A.95(b): the root cause is identified, a corrective action plan defined, and its implementation demonstrated.
ISO 9001:2015 10.2.1(d) asks for a review of whether it was effective: a verification that says no sends the action
back to its owner. Nobody accepts or verifies what is theirs to do.
"""

from datetime import date, timedelta
from uuid import UUID

from db.quality.actions import ActionStatus
from domain.errors import ErrorCode, refuse
from domain.fleet.rules import texts

root_cause = texts.lines("The root cause", 4000)
corrective_action = texts.lines("The corrective action", 4000)
preventive_action = texts.lines("The preventive action", 4000)
review_note = texts.lines("The reason", 4000)
implementation_note = texts.lines("The account of what was done", 4000)
verification_note = texts.lines("The account of the verification", 4000)


def target_on(day: date, today: date) -> date:
    if day < today:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"{day} is over; choose today ({today}) or a later day.")
    return day


def wrong_status(status: str, *allowed: ActionStatus) -> str | None:
    """Why an action in this status does not take the step; None when it does."""
    if status in allowed:
        return None
    return f"The corrective action is {status}; this can be done while it is {' or '.join(allowed)}."


def acceptance_obstacles(
    *, owner: UUID, actor: UUID | None, target: date, due: date | None, extended: bool, days: int
) -> list[str]:
    """What keeps a plan from being accepted, each as a sentence. `due` is the finding's."""
    found = []
    if actor == owner:
        found.append("Its owner does not accept a plan; somebody else has to.")
    if due is not None:
        last = due if extended else due + timedelta(days=days)
        if target > last:
            found.append(f"Its target day {target} is after {last}, the last day the finding can be given.")
    return found


def verification_obstacles(*, owner: UUID, implementer: UUID | None, actor: UUID | None) -> list[str]:
    """What keeps somebody from verifying an action, each as a sentence."""
    if actor is None:
        return ["A person verifies what was done; sign in."]
    if actor in (owner, implementer):
        return ["Whoever owns or implemented an action does not verify it; somebody else has to."]
    return []
