"""What breaks a chain: each event against the one before it, each archive against the one before it, and the log
against its archives. Rows are of those tables, by column."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Protocol
from uuid import UUID

from domain.events.rules.chain import GENESIS, Archived, Entry, archive_digest, digest

ARCHIVED = "events.archived"
_recorded = itemgetter(*Entry.__dataclass_fields__)


class Row(Protocol):
    def __getitem__(self, name: str, /) -> Any: ...


@dataclass(frozen=True)
class Break:
    """The first thing that does not fit: `kind` is "tampered", "deleted" or "inserted"; `seq` is the number of an
    event, of an archive that of its first."""

    kind: str
    seq: int
    event_id: UUID | None
    message: str
    archive_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Good:
    """The last event that fits; `id` is None when it was archived, or before the first."""

    seq: int = 0
    hash: str = GENESIS
    id: UUID | None = None


def check_event(row: Row, good: Good) -> Break | None:
    """What is wrong with `row`, which should follow `good`. `doubled` says that another with its number follows."""
    seq, event_id, expected = row["seq"], row["id"], good.seq + 1
    if seq > expected:
        return Break("deleted", expected, None, f"event {expected} is missing; the next one is {seq}")
    entry = Entry(*_recorded(row))
    sound = row["hash"] == digest(entry, row["previous_hash"])
    follows = row["previous_hash"] == good.hash
    if seq < expected or (row["doubled"] and not (sound and follows)):
        past = "it was archived" if good.id is None else f"there is a second event with number {seq}"
        return Break("inserted", seq, event_id, past)
    if not sound:
        return Break("tampered", seq, event_id, "its content does not have the hash it was recorded with")
    if not follows:
        # A sound event that follows another past: then the past was rewritten, unless there is none in the log.
        kind, at = ("inserted", Good(seq, "", event_id)) if good.id is None else ("tampered", good)
        return Break(kind, at.seq, at.id, f"event {seq} was recorded after another event {good.seq}")
    return None


def check_head(head: Row, good: Good) -> Break | None:
    """What is wrong with the last event, given what `event_heads` notes of it."""
    if good.seq < head["seq"]:
        message = f"event {good.seq + 1} is missing; the log ends at {good.seq} and {head['seq']} were recorded"
        return Break("deleted", good.seq + 1, None, message)
    if good.hash != (head["hash"] or GENESIS):
        return Break("tampered", good.seq, good.id, "it does not have the hash that event_heads notes for it")
    return None


def check_archives(archives: Sequence[Row], recorded: int) -> tuple[Good, Break | None]:
    """What the log must follow, and what is wrong with the archives before it. `recorded` events there were ever."""
    good, previous = Good(), GENESIS
    for row in archives:
        said = f"the archive of events {row['from_seq']} to {row['to_seq']}"
        first, expected = row["from_seq"], good.seq + 1
        if first > expected:
            missing = f"the archive of events {expected} to {first - 1} is missing"
            return good, Break("deleted", expected, None, missing)
        archive = Archived(**{name: row[name] for name in Archived.__dataclass_fields__})
        if first < expected or row["to_seq"] > recorded:
            return good, Break("inserted", first, None, f"{said} overlaps others or was never recorded", archive.id)
        if row["hash"] != archive_digest(archive, previous) or row["previous_hash"] != good.hash:
            return good, Break("tampered", first, None, f"{said} does not have the hash it was made with", archive.id)
        good, previous = Good(row["to_seq"], row["last_hash"]), row["hash"]
    return good, None


@dataclass(frozen=True, slots=True)
class Vouched:
    """What an event says of the archive that was made with it."""

    archive_id: UUID
    from_seq: int
    to_seq: int
    hash: str


def check_vouched(archives: Sequence[Row], vouched: Iterable[Vouched]) -> Break | None:
    """Whether the archives are those that events tell of. The newest event tells of the newest archive; those before
    it are in that one's hash."""
    hashes = {row["id"]: row["hash"] for row in archives}
    told = set()
    for each in vouched:
        told.add(each.archive_id)
        said = f"the archive of events {each.from_seq} to {each.to_seq}"
        if each.archive_id not in hashes:
            return Break("deleted", each.from_seq, None, f"{said} is missing", each.archive_id)
        if hashes[each.archive_id] != each.hash:
            message = f"{said} does not have the hash that the event of it names"
            return Break("tampered", each.from_seq, None, message, each.archive_id)
    if archives and (last := archives[-1])["id"] not in told:
        message = f"no event tells of the archive of events {last['from_seq']} to {last['to_seq']}"
        return Break("inserted", last["from_seq"], None, message, last["id"])
    return None
