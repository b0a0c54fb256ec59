"""Who acts, and the transaction a command runs in. The actor is the first thing every command knows."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.events import outbox
from db.events.jobs import Job
from db.identity.organizations import Organization
from db.session import SETTINGS
from domain.errors import ForbiddenError
from domain.permissions import Permission
from runtime.settings import Settings


@dataclass(frozen=True)
class Actor:
    """A person (or job) in one organization, as the tenant resolver decided.

    `impersonator_id` is set when a superuser works in an organization that is not theirs; every event names it.
    """

    org_id: UUID
    user_id: UUID | None
    permissions: frozenset[str]
    session_id: UUID | None = None
    impersonator_id: UUID | None = None
    is_superuser: bool = False
    plan: str = "STANDARD"

    @cached_property
    def fingerprint(self) -> str:
        """Equal for actors with equal permissions: part of the key of a compiled plan."""
        return hashlib.sha256(",".join(sorted(self.permissions)).encode()).hexdigest()[:16]

    @cached_property
    def scope(self) -> tuple[str, str]:
        """What a read connection is set to: the organization, and no user."""
        return (str(self.org_id), "")

    @cached_property
    def self_scope(self) -> tuple[str, str]:
        """As `scope`, for reads that also see what is the user's own in other organizations."""
        return (str(self.org_id), str(self.user_id or ""))

    def can(self, permission: Permission) -> bool:
        return permission in self.permissions


@dataclass
class Ctx:
    """One command's surroundings: the actor, the open transaction and the clock."""

    actor: Actor
    session: AsyncSession
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    _time_zone: str = field(default="", init=False, repr=False)

    async def time_zone(self) -> str:
        """The organization's; its days begin and end there. Asked for once."""
        if not self._time_zone:
            query = select(Organization.time_zone).where(Organization.id == self.actor.org_id)
            self._time_zone = await self.session.scalar(query) or "UTC"
        return self._time_zone

    @property
    def settings(self) -> Settings:
        """What the process was set up with: keys, addresses, folders."""
        found: Settings = self.session.info[SETTINGS]
        return found

    def check(self, permission: Permission) -> None:
        """Raises ForbiddenError without the permission."""
        if not self.actor.can(permission):
            raise ForbiddenError(f"This needs the permission {permission.value}.")

    def record(
        self,
        type: str,
        target_type: str,
        target_id: UUID,
        *,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        """Add an event to the log, in this transaction. `type` is like "aircraft.created"; `target_type` is the
        id prefix of the target ("ac"); `before`/`after` hold just what changed, JSON values."""
        outbox.record(
            self.session,
            outbox.OutboxEvent(
                org_id=self.actor.org_id,
                actor_id=self.actor.user_id,
                impersonator_id=self.actor.impersonator_id,
                type=type,
                target_type=target_type,
                target_id=target_id,
                before=before,
                after=after,
                occurred_at=self.now,
            ),
        )

    def enqueue(self, kind: str, arguments: dict[str, Any], *, run_after: datetime | None = None) -> None:
        """Ask for a job, in this transaction. It runs at least once after the commit."""
        self.session.add(Job(org_id=self.actor.org_id, kind=kind, arguments=arguments, run_after=run_after or self.now))
