"""The rules of findings, actions and audits, as tables."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from db.quality.actions import ActionStatus
from db.quality.audits import AuditStatus, ChecklistResult
from db.quality.findings import FindingLevel, FindingStatus
from domain.errors import UserErrors
from domain.quality.rules import actions, audits, findings
from domain.quality.rules.audits import Found, Item

ONE, TWO, OBSERVATION = FindingLevel
OPEN, CLOSED = FindingStatus
PROPOSED, ACCEPTED, REJECTED, IMPLEMENTED, VERIFIED = ActionStatus
ANN, BEN = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("level", "raised", "contained", "due"),
    [
        # 90 days, the usual three months, over month ends and leap days.
        (TWO, date(2024, 1, 1), None, date(2024, 3, 31)),
        (TWO, date(2023, 1, 1), None, date(2023, 4, 1)),
        (TWO, date(2023, 11, 30), None, date(2024, 2, 28)),
        (TWO, date(2023, 12, 1), None, date(2024, 2, 29)),
        (TWO, date(2024, 2, 29), date(2024, 3, 1), date(2024, 5, 29)),
        # Immediate action (145.B.350): on the day; the rest counts from it.
        (ONE, date(2024, 2, 29), None, date(2024, 2, 29)),
        (ONE, date(2024, 2, 29), date(2024, 3, 2), date(2024, 5, 31)),
        (OBSERVATION, date(2024, 2, 29), None, None),
    ],
)
def test_when_a_finding_is_due(level: FindingLevel, raised: date, contained: date | None, due: date | None) -> None:
    assert findings.due_on(level, raised, 90, contained) == due


@pytest.mark.parametrize(
    ("day", "level", "said"),
    [
        (date(2024, 1, 1), TWO, None),
        (date(2024, 3, 31), TWO, None),
        (date(2024, 4, 1), TWO, "2024-04-01 is outside the period of 90 days, 2024-01-01 to 2024-03-31."),
        (date(2023, 12, 31), TWO, "2023-12-31 is outside"),
        (date(2024, 1, 2), ONE, "The due day of a finding of the kind LEVEL_1 follows from its level."),
    ],
)
def test_an_agreed_day_lies_in_the_period(day: date, level: FindingLevel, said: str | None) -> None:
    if said is None:
        assert findings.agreed(day, level=level, raised=date(2024, 1, 1), days=90) == day
        return
    with pytest.raises(UserErrors, match=said):
        findings.agreed(day, level=level, raised=date(2024, 1, 1), days=90)


DUE = date(2024, 3, 31)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, []),
        ({"today": DUE}, []),
        ({"today": DUE + timedelta(days=1)}, ["ended on 2024-03-31"]),
        ({"extended": True}, ["extended once"]),
        ({"actions": [PROPOSED, IMPLEMENTED, VERIFIED]}, ["No plan"]),
        ({"level": ONE}, ["level 2"]),
        (
            {"status": CLOSED, "level": OBSERVATION, "due": None, "extended": True, "actions": []},
            ["closed", "level 2", "extended once", "No plan"],
        ),
    ],
)
def test_what_keeps_a_period_from_being_extended(changed: dict, words: list[str]) -> None:
    usual = {"level": TWO, "status": OPEN, "due": DUE, "extended": False, "today": DUE, "actions": [ACCEPTED]}
    found = findings.extension_obstacles(**(usual | changed))
    assert len(found) == len(words)
    assert all(word in sentence for word, sentence in zip(words, found, strict=True))


@pytest.mark.parametrize("days", [0, 91])
def test_an_extension_is_as_long_as_the_period_at_most(days: int) -> None:
    assert findings.extended_to(DUE + timedelta(days=90), due=DUE, days=90) == date(2024, 6, 29)
    with pytest.raises(UserErrors, match="choose a day up to 2024-06-29"):
        findings.extended_to(DUE + timedelta(days=days), due=DUE, days=90)


@pytest.mark.parametrize(
    ("level", "contained", "states", "words"),
    [
        (TWO, False, [VERIFIED, REJECTED], []),
        (ONE, True, [VERIFIED], []),
        (OBSERVATION, False, [], []),
        (OBSERVATION, False, [REJECTED], []),
        (TWO, False, [], ["No corrective action was verified"]),
        (TWO, False, [REJECTED], ["No corrective action was verified"]),
        (ONE, False, [VERIFIED], ["immediate action"]),
        (OBSERVATION, False, [ACCEPTED], ["is ACCEPTED"]),
        (
            ONE,
            False,
            [PROPOSED, IMPLEMENTED],
            ["immediate action", "is PROPOSED", "is IMPLEMENTED", "No corrective action was verified"],
        ),
    ],
)
def test_what_keeps_a_finding_open(
    level: FindingLevel, contained: bool, states: list[ActionStatus], words: list[str]
) -> None:
    actions = [(state, DUE + timedelta(days=n)) for n, state in enumerate(states)]
    found = findings.closing_obstacles(level=level, status=OPEN, contained=contained, actions=reversed(actions))
    assert len(found) == len(words), found
    assert all(word in sentence for word, sentence in zip(words, found, strict=True))


@pytest.mark.parametrize(
    ("owner", "actor", "target", "extended", "words"),
    [
        (ANN, BEN, date(2024, 6, 29), False, []),
        (ANN, BEN, date(2024, 3, 31), True, []),
        (ANN, BEN, date(2024, 4, 1), True, ["after 2024-03-31"]),
        (ANN, ANN, date(2024, 6, 30), False, ["somebody else", "after 2024-06-29"]),
    ],
)
def test_what_keeps_a_plan_from_being_accepted(
    owner: UUID, actor: UUID, target: date, extended: bool, words: list[str]
) -> None:
    found = actions.acceptance_obstacles(owner=owner, actor=actor, target=target, due=DUE, extended=extended, days=90)
    assert len(found) == len(words)
    assert all(word in sentence for word, sentence in zip(words, found, strict=True))


@pytest.mark.parametrize(
    ("implementer", "actor", "allowed"),
    [(BEN, UUID(int=3), True), (BEN, BEN, False), (BEN, ANN, False), (BEN, None, False)],
)
def test_somebody_else_verifies(implementer: UUID, actor: UUID | None, allowed: bool) -> None:
    assert (actions.verification_obstacles(owner=ANN, implementer=implementer, actor=actor) == []) is allowed


def test_an_audit_is_reported_when_everything_was_looked_at() -> None:
    nothing, good, bad, _ = ChecklistResult
    assert audits.report_obstacles([Item(1, good), Item(2, bad, findings=1)]) == []
    assert audits.report_obstacles([Item(3, bad), Item(2, nothing), Item(4, nothing), Item(1, bad, 2)]) == [
        "Questions 2 and 4 are not answered yet; say NOT_APPLICABLE where a question does not apply.",
        "Question 3 deviates, and no finding says how; raise one.",
    ]
    assert audits.close_obstacles([Found(7, OPEN), Found(3, CLOSED), Found(5, OPEN)]) == [
        "Finding 5 is open; close it first.",
        "Finding 7 is open; close it first.",
    ]


@pytest.mark.parametrize("status", list(AuditStatus))
def test_an_audit_goes_on_and_never_back(status: AuditStatus) -> None:
    steps = {"start": AuditStatus.PLANNED, "report": AuditStatus.IN_PROGRESS, "close": AuditStatus.REPORTED}
    possible = [name for name, needed in steps.items() if audits.wrong_status(status, needed) is None]
    assert possible == {"PLANNED": ["start"], "IN_PROGRESS": ["report"], "REPORTED": ["close"], "CLOSED": []}[status]


@pytest.mark.parametrize(("role", "independent"), [("LEAD", False), ("MEMBER", False), ("VIEWER", True), (None, True)])
def test_auditors_are_independent_of_the_department(role: str | None, independent: bool) -> None:
    assert (audits.not_independent(role, "The lead auditor") is None) is independent
