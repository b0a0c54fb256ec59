"""Cursors: opaque, signed, of one organization and epoch."""

import base64

import pytest
from uuid_utils.compat import uuid7

from domain.errors import BadUserInputError
from domain.events.cursors import Cursors
from domain.events.errors import ResyncError
from runtime.settings import Settings

EPOCH, OTHER_EPOCH = "00112233445566ff", "00112233445566fe"
ORG = uuid7()


@pytest.fixture
def cursors(settings: Settings) -> Cursors:
    return Cursors.from_settings(settings)


@pytest.mark.parametrize("seq", [0, 1, 2**40])
def test_a_cursor_comes_back_as_the_number_it_was_made_of(cursors: Cursors, seq: int) -> None:
    assert cursors.decode(cursors.encode(EPOCH, ORG, seq), EPOCH, ORG) == seq


def test_every_changed_character_is_refused(cursors: Cursors) -> None:
    cursor = cursors.encode(EPOCH, ORG, 7)
    for place, character in enumerate(cursor):
        changed = cursor[:place] + ("A" if character != "A" else "B") + cursor[place + 1 :]
        with pytest.raises(BadUserInputError):
            cursors.decode(changed, EPOCH, ORG)


@pytest.mark.parametrize("text", ["", "x", "ä", "====", "a b", "A" * 66, "A" * 500, "\x00", "-_" * 20])
def test_what_is_no_cursor_is_refused(cursors: Cursors, text: str) -> None:
    with pytest.raises(BadUserInputError):
        cursors.decode(text, EPOCH, ORG)


def test_truncated_signatures_are_refused(cursors: Cursors) -> None:
    raw = base64.urlsafe_b64decode(cursors.encode(EPOCH, ORG, 7) + "==")
    for length in range(len(raw)):
        with pytest.raises(BadUserInputError):
            cursors.decode(base64.urlsafe_b64encode(raw[:length]).decode(), EPOCH, ORG)


def test_another_organization_key_or_epoch_is_refused(cursors: Cursors) -> None:
    cursor = cursors.encode(EPOCH, ORG, 7)
    with pytest.raises(BadUserInputError):
        cursors.decode(cursor, EPOCH, uuid7())
    with pytest.raises(BadUserInputError):
        Cursors(b"another key").decode(cursor, EPOCH, ORG)
    with pytest.raises(ResyncError) as caught:
        cursors.decode(cursor, OTHER_EPOCH, ORG)
    assert caught.value.code == "RESYNC"


def test_without_a_secret_nothing_is_signed(settings: Settings) -> None:
    from pydantic import SecretStr

    with pytest.raises(ValueError, match="SECRET_KEY"):
        Cursors.from_settings(settings.model_copy(update={"secret_key": SecretStr("")}))
