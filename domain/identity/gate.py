"""What the commands before sign-in need: there is no actor yet, so they take a Gate instead of a Ctx.

They open the transaction themselves, because some refusals must be kept: a stolen refresh token ends its
session although the request that showed it is refused.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from db.session import Database
from domain.context import Actor, Ctx
from domain.identity.limits import Limiter
from domain.identity.tokens import TokenKeys, keys
from runtime.settings import Settings

NOBODY: frozenset[str] = frozenset()
MAX_TEXT = 400


@dataclass(frozen=True)
class Client:
    """From where somebody comes; shown to people in the list of their sessions."""

    device_id: str = ""
    user_agent: str = ""
    address: str = ""

    def __post_init__(self) -> None:
        for name in ("device_id", "user_agent", "address"):
            object.__setattr__(self, name, getattr(self, name).replace("\x00", "")[:MAX_TEXT])


@dataclass(frozen=True)
class Gate:
    """The platform as seen from outside, at one moment."""

    db: Database
    settings: Settings
    limiter: Limiter
    client: Client = Client()
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def keys(self) -> TokenKeys:
        return keys(self.settings)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One transaction as the system role; commits at the end unless an error leaves it."""
        async with self.db.platform() as session:
            yield session

    def context(
        self,
        session: AsyncSession,
        org_id: UUID,
        user_id: UUID | None,
        *,
        session_id: UUID | None = None,
        impersonating: bool = False,
    ) -> Ctx:
        """To record events and ask for jobs in an organization's name; it permits nothing."""
        impersonator = user_id if impersonating else None
        return Ctx(Actor(org_id, user_id, NOBODY, session_id, impersonator), session, self.now)
