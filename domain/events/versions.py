"""Settled versions: at which event an organization's data stands, known without asking the database.

The database tells a version in the snapshot of the answer that it belongs to (`event_version()`: epoch, revision,
hash and number of the last event, or null while events wait to be numbered). A process remembers it for the
organizations it was asked about lately, and forgets it at once when

- it commits events of the organization itself,
- another process says that it did (over Redis, before its client is answered), or the relay says so,
- PostgreSQL notifies of it: that is how those commit who cannot reach Redis, and the command line,
- any of these ways was interrupted, or is not proved to work.

Whoever asks for a version first makes sure that all hints taken before have arrived: what a client was told to be
done is never missing from what another process says next. Behind all that, a version is only good for SETTLED_SECONDS:
whatever else goes wrong ends by itself.
"""

import asyncio
import contextlib
from collections import OrderedDict
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from redis.asyncio import Redis
from sqlalchemy import text

from db.listen import Listener
from db.session import COMMITS, Database
from runtime import hints
from runtime.hearing import Hearing

VERSION = text("SELECT event_version()")
KEPT = 1_000
SETTLED_SECONDS = 10.0


@dataclass(slots=True)
class _Kept:
    """What is known of one organization. `heard` counts what was heard of it: a version read before is worth
    nothing."""

    version: str | None = None
    until: float = 0.0
    heard: int = 0


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to say at which version the organization stands, unless something is heard of it meanwhile, or nothing
    could be, because it was forgotten."""

    org_id: UUID
    kept: _Kept
    heard: int
    since: float


class Versions:
    """One per process; `start` before use, `close` at the end. Without Redis it knows nothing, which is safe."""

    def __init__(
        self, db: Database, redis: Redis | None, *, kept: int = KEPT, seconds: float = SETTLED_SECONDS
    ) -> None:
        self._db = db
        self._kept: OrderedDict[UUID, _Kept] = OrderedDict()
        self._size = kept
        self._seconds = seconds
        self._hearing = None if redis is None else Hearing(redis, self._hint, self.forget)
        self._notices = Listener(db.settings, COMMITS, self._notice, self.forget)
        self._replica = bool(db.settings.database_read_url)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._hearing is not None:
            self._task = asyncio.create_task(self._hearing.run(), name="commits")
            await self._notices.start()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            await self._notices.close()
        self.forget()

    async def settled(self, org_id: UUID) -> str | None:
        """The organization's version as of this call; None when only the database can tell."""
        kept = self._kept.get(org_id)
        if kept is None or kept.version is None or not await self._sure() or self._kept.get(org_id) is not kept:
            return None
        return kept.version if monotonic() < kept.until else None

    async def ask(self, org_id: UUID) -> str | None:
        """The version as the primary knows it, when answers come from a replica: what a replica shows may be older
        than what was told to be done. None when answers come from the primary and tell the version themselves."""
        if not self._replica:
            return None
        ticket = await self._begin(org_id)
        async with self._db.tenant(org_id) as session:
            version: str | None = await session.scalar(VERSION)
        self.settle(ticket, version)
        return version

    async def begin(self, org_id: UUID) -> Ticket | None:
        """Before an answer with its version is read, so that the version may be settled then. None: it may not."""
        return None if self._replica else await self._begin(org_id)

    async def _begin(self, org_id: UUID) -> Ticket | None:
        if self._hearing is None:
            return None
        kept = self._kept.get(org_id)
        if kept is None:
            self._follow(org_id)
        else:
            self._kept.move_to_end(org_id)
        if not await self._sure() or (kept := self._kept.get(org_id)) is None:
            return None
        return Ticket(org_id, kept, kept.heard, monotonic())

    def settle(self, ticket: Ticket | None, version: str | None) -> None:
        """The version that was read after `begin` is the organization's until something else is heard."""
        if ticket is None:
            return
        kept = ticket.kept
        if self._kept.get(ticket.org_id) is kept and kept.heard == ticket.heard:
            kept.version, kept.until = version, ticket.since + self._seconds

    def committed(self, org_id: UUID) -> None:
        """Events of the organization were committed, here or elsewhere."""
        kept = self._kept.get(org_id)
        if kept is not None:
            kept.version = None
            kept.heard += 1

    def forget(self) -> None:
        """Anything may have happened."""
        for org_id in self._kept:
            self.committed(org_id)

    async def _sure(self) -> bool:
        return self._hearing is not None and self._notices.reliable() and await self._hearing.heard()

    def _follow(self, org_id: UUID) -> None:
        assert self._hearing is not None
        while len(self._kept) >= self._size:
            oldest, _ = self._kept.popitem(last=False)
            self._hearing.unfollow(hints.commits_channel(oldest), hints.events_channel(oldest))
        self._kept[org_id] = _Kept()
        self._hearing.follow(hints.commits_channel(org_id), hints.events_channel(org_id))

    def _hint(self, channel: str, payload: str) -> None:
        try:
            org_id = UUID(channel.rpartition(":")[2])
        except ValueError:
            self.forget()
            return
        kept = self._kept.get(org_id)
        # The relay tells the new head. Whoever read the log after its commit knows that already.
        if kept is None or (kept.version and payload.isdecimal() and int(payload) <= sequence(kept.version)):
            return
        self.committed(org_id)

    def _notice(self, payload: str) -> None:
        try:
            organizations = [UUID(text) for text in payload.split(",")]
        except ValueError:
            self.forget()
            return
        for org_id in organizations:
            self.committed(org_id)


def sequence(version: str) -> int:
    """The number of the last event in a version."""
    return int(version.rpartition(".")[2])
