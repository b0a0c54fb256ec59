"""Brute-force limits in the store, and in memory while it is away."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from uuid_utils.compat import uuid7

from domain.errors import RateLimitedError
from domain.identity.limits import Limiter
from domain.identity.rules.limits import Rule
from runtime.settings import Settings

RULE = Rule("test", burst=3, interval=timedelta(seconds=60))


@pytest.fixture(params=["store", "memory", "store away"])
async def limiter(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[Limiter]:
    url = {"store": settings.redis_url, "store away": "redis://127.0.0.1:1/0"}.get(request.param)
    redis = Redis.from_url(url) if url else None
    yield Limiter(redis)
    if redis is not None:
        await redis.aclose()


async def test_a_burst_and_no_more(limiter: Limiter) -> None:
    subject = f"{uuid7()}@Example.com"
    for spelling in (subject, subject.upper(), subject.lower()):
        await limiter.take(RULE, spelling)
    with pytest.raises(RateLimitedError, match=r"Try again in (59|60) seconds"):
        await limiter.take(RULE, subject)
    await limiter.take(RULE, f"{uuid7()}")
    await limiter.give_back(RULE, subject)
    await limiter.take(RULE, subject)
    with pytest.raises(RateLimitedError):
        await limiter.take(RULE, subject)


async def test_nobody_in_particular_is_not_limited(limiter: Limiter) -> None:
    for _ in range(10):
        await limiter.take(RULE, "")
