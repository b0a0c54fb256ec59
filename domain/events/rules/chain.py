"""The hash chain of the event log, in a form that anyone can recompute.

The hash of an event is the lower-case hexadecimal SHA-256 of the UTF-8 bytes of this JSON array, written
without white space, with non-ASCII characters as they are and only `"`, `\\` and control characters escaped,
in the shortest form (RFC 8785):

    ["opsgraph.event.v1", previous_hash, org_id, seq, id, recorded_at, occurred_at,
     actor_id, impersonator_id, type, target_type, target_id, before, after]

- `previous_hash` is the hash of the event with the number before it in the same organization; for number 1
  it is 64 zeros.
- `seq` is a number; everything else is a string or null. Ids are lower-case UUIDs with dashes.
- Times are UTC with six decimals: `2026-01-31T08:05:00.000000Z`.
- `before` and `after` are the texts of these columns exactly as stored (the column type `json` keeps them),
  as strings inside the array, so that no rule for writing numbers is needed.

Events that were archived are a row of `event_archives` instead. `digest` is the SHA-256 of their hashes, one after
the other, as text. The archives of an organization are a chain too: the hash of one is that of the array

    ["opsgraph.archive.v1", hash of the archive before, org_id, id, from_seq, to_seq, previous_hash, last_hash,
     count, digest, archived_at]

where `previous_hash` is the one that the first archived event names and `last_hash` that of the last. An event of the
type `events.archived` holds the hash of the newest archive, so that the log vouches for all of them.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import orjson

FORMAT = "opsgraph.event.v1"
ARCHIVE_FORMAT = "opsgraph.archive.v1"
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as it is hashed; `before` and `after` are JSON texts."""

    org_id: UUID
    seq: int
    id: UUID
    recorded_at: datetime
    occurred_at: datetime
    actor_id: UUID | None
    impersonator_id: UUID | None
    type: str
    target_type: str
    target_id: UUID
    before: str | None
    after: str | None


def instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def digest(entry: Entry, previous_hash: str) -> str:
    """The hash of `entry` when it follows the event with `previous_hash`."""
    parts = [
        FORMAT,
        previous_hash,
        str(entry.org_id),
        entry.seq,
        str(entry.id),
        instant(entry.recorded_at),
        instant(entry.occurred_at),
        None if entry.actor_id is None else str(entry.actor_id),
        None if entry.impersonator_id is None else str(entry.impersonator_id),
        entry.type,
        entry.target_type,
        str(entry.target_id),
        entry.before,
        entry.after,
    ]
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()


@dataclass(frozen=True, slots=True)
class Archived:
    """One archive as it is hashed: what was taken out of the log, and what it followed."""

    org_id: UUID
    id: UUID
    from_seq: int
    to_seq: int
    previous_hash: str
    last_hash: str
    count: int
    digest: str
    archived_at: datetime


def hashes_digest(hashes: Iterable[str]) -> str:
    """The digest of archived events, given their hashes in order."""
    total = hashlib.sha256()
    for found in hashes:
        total.update(found.encode())
    return total.hexdigest()


def archive_digest(archive: Archived, previous_archive: str) -> str:
    """The hash of an archive when it follows the one with the hash `previous_archive`."""
    parts = [
        ARCHIVE_FORMAT,
        previous_archive,
        str(archive.org_id),
        str(archive.id),
        archive.from_seq,
        archive.to_seq,
        archive.previous_hash,
        archive.last_hash,
        archive.count,
        archive.digest,
        instant(archive.archived_at),
    ]
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()


def digest_rendered(previous_hash: str, org_id: str, seq: int, id: str, recorded_at: str, rest: str) -> str:
    """The same hash for an event of which the database rendered the `rest`: what stands behind `recorded_at`, as it
    stands in the array, without the bracket that ends it. The relay has no time to make objects of what it moves."""
    text = f'["{FORMAT}","{previous_hash}","{org_id}",{seq},"{id}","{recorded_at}",{rest}]'
    return hashlib.sha256(text.encode()).hexdigest()
