"""Texts of messages, and who counts as present."""

from datetime import UTC, datetime, timedelta

import pytest

from db.collaboration.presence import PresenceState
from domain.collaboration.rules import feed
from domain.collaboration.rules.presence import Beat, Timeouts, of_person
from domain.errors import UserErrors

ACTIVE, IDLE, OFFLINE = PresenceState.ACTIVE, PresenceState.IDLE, PresenceState.OFFLINE
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TIMEOUTS = Timeouts(timedelta(seconds=60), timedelta(seconds=150))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Hello", "Hello"),
        ("  Hello \n", "Hello"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("a\n\n  b\tc", "a\n\n  b\tc"),
        ("Zu\u0308rich", "Zürich"),
        ("👩‍🔧 done", "👩‍🔧 done"),
        ("x" * 4_000, "x" * 4_000),
    ],
)
def test_a_text_is_kept_as_it_was_meant(given: str, kept: str) -> None:
    assert feed.text(given) == kept


@pytest.mark.parametrize(
    ("given", "code"),
    [("", "REQUIRED"), (" \n\t ", "REQUIRED"), ("x" * 4_001, "TOO_LONG"), ("a\x00b", "INVALID"), ("\ud800", "INVALID")],
)
def test_a_text_that_will_not_do(given: str, code: str) -> None:
    with pytest.raises(UserErrors) as refused:
        feed.text(given)
    assert [(error.code, error.path) for error in refused.value.errors] == [(code, ("input", "text"))]


@pytest.mark.parametrize(
    ("beats", "state"),
    [
        ([], OFFLINE),
        ([(ACTIVE, 0)], ACTIVE),
        ([(ACTIVE, 59.9)], ACTIVE),
        ([(ACTIVE, 60)], IDLE),
        ([(ACTIVE, 149.9)], IDLE),
        ([(ACTIVE, 150)], OFFLINE),
        ([(ACTIVE, -5)], ACTIVE),  # the clock of another host
        ([(IDLE, 0)], IDLE),
        ([(IDLE, 149.9)], IDLE),
        ([(IDLE, 150)], OFFLINE),
        ([(OFFLINE, 0)], OFFLINE),
        ([(IDLE, 0), (ACTIVE, 59)], ACTIVE),
        ([(IDLE, 0), (ACTIVE, 60)], IDLE),
        ([(OFFLINE, 0), (IDLE, 100)], IDLE),
        ([(ACTIVE, 500), (ACTIVE, 1)], ACTIVE),
        ([(ACTIVE, 500), (IDLE, 500)], OFFLINE),
    ],
)
def test_a_person_is_what_their_liveliest_session_is(
    beats: list[tuple[PresenceState, float]], state: PresenceState
) -> None:
    given = [Beat(said, NOW - timedelta(seconds=age)) for said, age in beats]
    assert of_person(given, NOW, TIMEOUTS) is state
    assert of_person(reversed(given), NOW, TIMEOUTS) is state
