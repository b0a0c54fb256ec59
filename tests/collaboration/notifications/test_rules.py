"""Who is told of which event, and in what words, as a table."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from db.collaboration.notifications import NotificationChannel, NotificationKind
from domain.collaboration.rules.notifications import (
    RULES,
    USUAL,
    Facts,
    Happening,
    notice,
    notice_id,
    wanted,
)

ANN, BEN, CLEO, GONE, GUEST = (UUID(int=n) for n in range(1, 6))
PLANE, ENTRY, PLANNING, SESSION, PLACE_OF_BEN, PLACE_OF_GONE = (UUID(int=n) for n in range(11, 17))
FACTS = Facts(
    organization="Skyline",
    members={
        ANN: frozenset({"FLEET_MANAGE", "FEED_READ"}),
        BEN: frozenset({"FLEET_MANAGE", "FEED_READ"}),
        CLEO: frozenset({"FEED_READ"}),
    },
    names={ANN: "Ann", BEN: "Ben", CLEO: "Cleo", GONE: "Gone"},
    roles={"VIEWER": "Viewer", "CHIEF": "Chief of all"},
    memberships={PLACE_OF_BEN: BEN, PLACE_OF_GONE: GONE},
    registrations={PLANE: "D-AIBC"},
    reporters={ENTRY: CLEO},
    departments={PLANNING: "Planning"},
    places={PLANNING: frozenset({ANN, BEN})},
    new_devices=frozenset({SESSION}),
)
STATUS = {"before": {"status": "ACTIVE"}, "after": {"status": "STORED"}}
CORRECTION = {"corrects_id": str(ENTRY), "flown_on": "2026-01-31", "minutes": -10, "cycles": 0}
AGENT = {"user_agent": "Firefox", "address": "127.0.0.1"}
REMINDER = {"after": {"people": [str(BEN), str(GONE)], "text": "It is due."}}

CASES: list[tuple[str, UUID, UUID | None, dict[str, Any], set[UUID], str]] = [
    ("aircraft.status_changed", PLANE, ANN, STATUS, {BEN}, "Ann set D-AIBC from ACTIVE to STORED."),
    ("aircraft.status_changed", PLANE, None, STATUS, {ANN, BEN}, "Opsgraph set D-AIBC from ACTIVE to STORED."),
    ("aircraft.status_changed", UUID(int=99), CLEO, STATUS, {ANN, BEN}, "Cleo set an aircraft from ACTIVE to STORED."),
    (
        "aircraft.utilisation_corrected",
        PLANE,
        ANN,
        {"after": CORRECTION},
        {CLEO},
        "Ann corrected what you recorded for D-AIBC on 2026-01-31 by -10 minutes and +0 cycles.",
    ),
    ("aircraft.utilisation_corrected", PLANE, CLEO, {"after": CORRECTION}, set(), ""),
    ("aircraft.utilisation_recorded", PLANE, ANN, {"after": CORRECTION}, set(), ""),
    (
        "membership.added",
        PLACE_OF_BEN,
        ANN,
        {"after": {"roles": ["VIEWER", "OWN"]}},
        {BEN},
        "Ann made you a member of Skyline: Viewer, OWN.",
    ),
    ("membership.added", PLACE_OF_BEN, BEN, {"after": {"roles": ["VIEWER"]}}, set(), ""),
    (
        "membership.roles_changed",
        PLACE_OF_BEN,
        ANN,
        {"before": {"roles": ["VIEWER"]}, "after": {"roles": ["CHIEF"]}},
        {BEN},
        "Ann changed your roles in Skyline from Viewer to Chief of all.",
    ),
    ("membership.roles_changed", PLACE_OF_GONE, ANN, {"after": {"roles": []}}, set(), ""),
    ("membership.removed", PLACE_OF_GONE, ANN, {}, {GONE}, "Ann ended your membership in Skyline."),
    (
        "department.member_set",
        PLANNING,
        ANN,
        {"after": {"user_id": str(CLEO), "role": "LEAD"}},
        {CLEO},
        "Ann put you into Planning: you are its lead.",
    ),
    (
        "department.member_removed",
        PLANNING,
        ANN,
        {"before": {"user_id": str(CLEO), "role": "LEAD"}},
        {CLEO},
        "Ann took you out of Planning.",
    ),
    (
        "user.password_reset",
        BEN,
        BEN,
        {},
        {BEN},
        "Your password was set anew, and all your sessions ended. If it was not you, reset it at once.",
    ),
    (
        "user.password_reset",
        GONE,
        GONE,
        {},
        {GONE},
        "Your password was set anew, and all your sessions ended. If it was not you, reset it at once.",
    ),
    (
        "session.started",
        SESSION,
        BEN,
        {"after": AGENT},
        {BEN},
        "You signed in on a new device: Firefox, from 127.0.0.1. If it was not you, sign out everywhere.",
    ),
    ("session.started", UUID(int=99), BEN, {"after": AGENT}, set(), ""),
    (
        "session.token_reused",
        SESSION,
        BEN,
        {"after": AGENT},
        {BEN},
        "A session of yours was ended, because a refresh token came back that was spent: it may have been stolen.",
    ),
    (
        "feed.posted",
        UUID(int=99),
        ANN,
        {"after": {"department_id": None}},
        {BEN, CLEO},
        "Ann wrote in the feed of Skyline.",
    ),
    (
        "feed.posted",
        UUID(int=99),
        ANN,
        {"after": {"department_id": str(PLANNING)}},
        {BEN},
        "Ann wrote in the feed of Planning.",
    ),
    ("reminder.due", PLANE, None, REMINDER, {BEN}, "It is due."),
    ("reminder.escalated", PLANE, None, REMINDER, {BEN}, "It is due."),
    ("thing.unheard_of", PLANE, ANN, {}, set(), ""),
    ("department.member_set", PLANNING, ANN, {"after": {"user_id": "nonsense"}}, set(), ""),
]


@pytest.mark.parametrize(("type", "target", "actor", "data", "people", "text"), CASES)
def test_who_is_told_and_in_what_words(
    type: str, target: UUID, actor: UUID | None, data: dict[str, Any], people: set[UUID], text: str
) -> None:
    found = notice(Happening(type, target, actor, **data), FACTS)
    assert (set(found.people), found.text) == (people, text) if found else not people


def test_every_rule_has_a_case() -> None:
    assert RULES.keys() <= {type for type, *_ in CASES}


def test_a_superuser_is_not_named() -> None:
    event = Happening("aircraft.status_changed", PLANE, GUEST, impersonated=True, **STATUS)
    found = notice(event, replace(FACTS, names=FACTS.names | {GUEST: "Secret"}))
    assert found is not None
    assert found.text == "A superuser of the platform set D-AIBC from ACTIVE to STORED."


def test_texts_are_short_and_devices_cannot_break_lines() -> None:
    event = Happening("session.started", SESSION, BEN, after={"user_agent": "a\nb" * 500, "address": ""})
    found = notice(event, FACTS)
    assert found is not None
    assert "\n" not in found.text
    assert len(found.text) < 400
    long = notice(Happening("membership.added", PLACE_OF_BEN, ANN, after={"roles": ["X" * 50] * 100}), FACTS)
    assert long is not None
    assert len(long.text) == 1000


def test_what_is_usual_holds_until_somebody_says_otherwise() -> None:
    for kind in NotificationKind:
        for channel in NotificationChannel:
            usual = channel in USUAL[kind]
            assert wanted(kind, channel) is wanted(kind, channel, {("OTHER", channel): not usual}) is usual
            assert wanted(kind, channel, {(kind, channel): not usual}) is not usual


def test_the_id_is_made_of_event_and_person() -> None:
    event = uuid7()
    made = notice_id(event, ANN)
    assert made == notice_id(event, ANN)
    assert len({made, notice_id(event, BEN), notice_id(uuid7(), ANN)}) == 3
    assert (made.version, made.variant, made.bytes[:6]) == (7, event.variant, event.bytes[:6])
