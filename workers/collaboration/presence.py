"""Notices who has gone silent, every few seconds."""

import asyncio
from datetime import UTC, datetime

from sqlalchemy.exc import DBAPIError, InterfaceError

from db.session import Database
from domain.collaboration import presence
from domain.collaboration.rules.presence import Timeouts
from runtime.logging import get_logger
from runtime.settings import Settings

log = get_logger(__name__)


async def run(db: Database, settings: Settings) -> None:
    """Sweep until cancelled, through outages of the database."""
    timeouts = presence.timeouts_of(settings)
    while True:
        await asyncio.sleep(settings.presence_sweep_seconds)
        try:
            await once(db, timeouts)
        except (DBAPIError, InterfaceError, OSError, TimeoutError) as error:
            log.warning("sweep of presences failed", error=repr(error))


async def once(db: Database, timeouts: Timeouts, now: datetime | None = None) -> int:
    """One sweep; how many people changed."""
    async with db.platform() as session:
        return await presence.sweep(session, now or datetime.now(UTC), timeouts)
