"""How an audit goes on: PLANNED, IN_PROGRESS, REPORTED, CLOSED, and never back.

145.A.200(a)(6) asks for independent audits; AMC2 145.A.200(a)(6) for a plan of them, and for product audits beside
those of procedures. Who audits is not responsible for what is audited.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from db.identity.departments import DepartmentRole
from db.quality.audits import AuditStatus, ChecklistResult
from db.quality.findings import FindingStatus
from domain.fleet.rules import texts

MOST_ITEMS = 300
RESPONSIBLE = {DepartmentRole.LEAD, DepartmentRole.MEMBER}
WORDS = {
    AuditStatus.PLANNED: "planned",
    AuditStatus.IN_PROGRESS: "in progress",
    AuditStatus.REPORTED: "reported",
    AuditStatus.CLOSED: "closed",
}

reference = texts.named("The reference", 40)
title = texts.named("The title", 200)
scope = texts.lines("The scope", 4000)
summary = texts.lines("The summary", 10_000)
requirement = texts.named("The requirement", 200)
question = texts.lines("The question", 1000)
remark = texts.lines("The remark", 4000)


@dataclass(frozen=True)
class Item:
    """A question of the checklist, and the levels and states of what was found at it."""

    position: int
    result: str
    findings: int = 0


@dataclass(frozen=True)
class Found:
    """A finding of the audit."""

    number: int
    status: str


def wrong_status(status: str, *allowed: AuditStatus) -> str | None:
    """Why an audit in this status does not take the step; None when it does."""
    if status in allowed:
        return None
    wanted = " or ".join(WORDS[each] for each in allowed)
    return f"The audit is {WORDS[AuditStatus(status)]}; this can be done while it is {wanted}."


def not_independent(role: str | None, who: str) -> str | None:
    """Why somebody with this role in the audited department does not audit it; None when they may."""
    if role not in RESPONSIBLE:
        return None
    return f"{who} belongs to the audited department, and audits are independent of it; choose somebody else."


def start_obstacles(items: int) -> list[str]:
    return [] if items else ["The audit has no checklist; add what is to be checked first."]


def report_obstacles(items: Iterable[Item]) -> list[str]:
    """What keeps an audit from being reported, each as a sentence."""
    items = sorted(items, key=lambda item: item.position)
    open_ones = [item.position for item in items if item.result == ChecklistResult.NOT_CHECKED]
    bare = [item.position for item in items if item.result == ChecklistResult.DEVIATES and not item.findings]
    found = []
    if open_ones:
        found.append(f"{_questions(open_ones)} not answered yet; say NOT_APPLICABLE where a question does not apply.")
    found += [f"Question {position} deviates, and no finding says how; raise one." for position in bare]
    return found


def close_obstacles(findings: Collection[Found]) -> list[str]:
    """What keeps a reported audit from being closed, each as a sentence."""
    return [
        f"Finding {each.number} is open; close it first."
        for each in sorted(findings, key=lambda each: each.number)
        if each.status == FindingStatus.OPEN
    ]


def _questions(positions: list[int]) -> str:
    if len(positions) == 1:
        return f"Question {positions[0]} is"
    return f"Questions {', '.join(map(str, positions[:-1]))} and {positions[-1]} are"
