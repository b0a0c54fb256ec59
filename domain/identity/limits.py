"""Brute-force limits in Redis, so that they hold across processes; in memory while Redis is away."""

import hashlib
import math
from time import time
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain.errors import RateLimitedError
from domain.identity.rules.limits import Rule, gcra, refund

log = structlog.get_logger(__name__)

# `rules.limits.gcra` in the store, so that two processes cannot both take the last attempt. Returns the wait.
TAKE = """
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local start = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wait = start + interval - burst * interval - now
if wait > 0.000001 then return tostring(wait) end
local free = start + interval
redis.call('SET', KEYS[1], string.format('%.6f', free), 'PX', math.ceil((free - now) * 1000))
return '0'
"""
REFUND = """
local kept = redis.call('GET', KEYS[1])
if kept then
    redis.call('SET', KEYS[1], string.format('%.6f', tonumber(kept) - tonumber(ARGV[1])), 'KEEPTTL')
end
"""
LOCAL_SIZE = 10_000


class Limiter:
    """`take` counts an attempt and refuses one too many; `give_back` undoes it for an honest one."""

    def __init__(self, redis: Redis | None = None) -> None:
        self._redis = redis
        self._local: dict[str, float] = {}

    async def take(self, rule: Rule, subject: str) -> None:
        """Raises RateLimitedError that says how long to wait."""
        if not subject:
            return
        key = _key(rule, subject)
        wait = await self._wait(key, rule)
        if wait > 0:
            raise RateLimitedError(f"Too many attempts. Try again in {math.ceil(wait)} seconds.")

    async def give_back(self, rule: Rule, subject: str) -> None:
        key = _key(rule, subject)
        if (kept := self._local.get(key)) is not None:
            self._local[key] = refund(kept, rule)
        if self._redis is not None:
            try:
                answer: Any = self._redis.eval(REFUND, 1, key, str(rule.interval.total_seconds()))
                await answer
            except RedisError as error:
                log.warning("limits.store_unavailable", error=str(error))

    async def _wait(self, key: str, rule: Rule) -> float:
        if self._redis is not None:
            try:
                interval = rule.interval.total_seconds()
                answer: Any = self._redis.eval(TAKE, 1, key, str(interval), str(rule.burst))
                return float(await answer)
            except RedisError as error:
                log.warning("limits.store_unavailable", error=str(error))
        while len(self._local) >= LOCAL_SIZE:
            del self._local[next(iter(self._local))]
        decision = gcra(self._local.pop(key, None), time(), rule)
        self._local[key] = decision.free_at
        return decision.retry_after


def _key(rule: Rule, subject: str) -> str:
    """Subjects are e-mail addresses and the like: the store need not know them."""
    return f"opsgraph:limit:{rule.name}:{hashlib.sha256(subject.lower().encode()).hexdigest()[:32]}"
