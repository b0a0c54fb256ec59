"""From a GraphQL guest to the gate of the domain."""

from functools import lru_cache

from redis.asyncio import Redis

from domain.identity.gate import Client, Gate
from domain.identity.limits import Limiter
from graph.core.mutations import Guest


def gate_of(guest: Guest) -> Gate:
    platform = guest.platform
    client = Client(guest.device_id, guest.user_agent, guest.address)
    return Gate(platform.db, platform.settings, limiter(platform.redis), client, guest.now)


@lru_cache(maxsize=8)
def limiter(redis: Redis | None) -> Limiter:
    """One for each client: while Redis is away, the counts are in the limiter and must outlive the request."""
    return Limiter(redis)
