"""Telling every process, at commit, that a session ended or that what somebody may do has changed."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.context import Actor

CHANNEL = "opsgraph_auth"
NOTIFY = text("SELECT pg_notify(:channel, :message)")


class Scope(StrEnum):
    SESSION = "session"
    USER = "user"
    ORGANIZATION = "organization"
    ALL = "all"


@dataclass(frozen=True)
class Revocation:
    """Whatever was decided before for actors that this concerns must be decided anew.

    ALL means that messages may have been missed.
    """

    scope: Scope
    id: UUID | None = None

    def concerns(self, actor: Actor) -> bool:
        if self.scope is Scope.SESSION:
            return actor.session_id == self.id
        if self.scope is Scope.USER:
            return actor.user_id == self.id
        if self.scope is Scope.ORGANIZATION:
            return actor.org_id == self.id
        return True

    @property
    def message(self) -> str:
        return f"{self.scope.value}:{self.id or ''}"

    @classmethod
    def parse(cls, message: str) -> "Revocation":
        """A message we do not understand (a newer release is rolling out) concerns everyone."""
        try:
            scope, _, identifier = message.partition(":")
            return cls(Scope(scope), UUID(identifier))
        except ValueError:
            return cls(Scope.ALL)


async def announce(session: AsyncSession, scope: Scope, identifier: UUID) -> None:
    """Send a revocation in this transaction; PostgreSQL delivers it at commit, or never."""
    await session.execute(NOTIFY, {"channel": CHANNEL, "message": Revocation(scope, identifier).message})
