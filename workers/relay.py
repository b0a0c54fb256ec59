"""The relay in the worker; the work itself is `domain.events.relay`."""

from redis.asyncio import Redis

from db.session import Database
from domain.events.relay import Relay


async def run(db: Database, redis: Redis | None) -> None:
    """Relay until cancelled."""
    await Relay(db, redis).run()
