"""Rate limits by cost, for each actor and each organization, and a limit on operations at once.

Budgets are points a minute, counted in Redis by the library `limits` (a sliding window of two counters, so that a
budget is not spent twice around the full minute). A request does not ask Redis: the process leases a sixtieth of the
minute's budget at a time, ahead of need, and spends that from memory. A lease is paid when it is taken, so all
processes together never admit more than the limit in a window, but for leases that were paid in the window before:
at most two sixtieths for each process. When Redis does not answer, leases are free (requests go on, unlimited) and
the log says so.
"""

import asyncio
import math
from time import perf_counter
from typing import Any

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import Redis

from domain.context import Actor
from domain.errors import RateLimitedError
from domain.identity.rules.plans import ANONYMOUS, Allowance, allowance
from graph.cost import TooCostlyError
from graph.operations import Caller
from runtime import hints
from runtime.logging import get_logger
from runtime.settings import Settings

LEASES_A_MINUTE = 60
LEASE_SECONDS = 10.0
STORE_SECONDS = 0.25
WINDOW = 60.0
# Somebody who was refused is refused from memory for so long before Redis is asked again.
LONGEST_REFUSAL = 1.0
ACCOUNTS_KEPT = 50_000
UNLIMITED = 2**62

log = get_logger("opsgraph.throttling")


class TooFastError(RateLimitedError):
    """A budget is spent. `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.extensions = {"retryAfter": retry_after}


class Lease:
    """What one subject may still spend in this process without asking."""

    __slots__ = (
        "chunk",
        "item",
        "key",
        "known",
        "left",
        "low",
        "refill",
        "refused_cost",
        "refused_until",
        "until",
        "wait",
    )

    def __init__(self, key: str, limit: int) -> None:
        self.key = key
        self.item = RateLimitItemPerMinute(limit, namespace="opsgraph")
        self.chunk = max(1, limit // LEASES_A_MINUTE)
        self.low = self.chunk // 2
        self.left = 0
        self.until = 0.0
        self.known = limit  # what the store had left after the last lease
        self.refused_until = 0.0
        self.refused_cost = 0
        self.wait = 0.0
        self.refill: asyncio.Task[None] | None = None


class Account:
    """An actor (or an address without a token) in this process."""

    __slots__ = ("allowance", "lease", "organization", "plan", "running", "subscriptions")

    def __init__(self, plan: str, allowed: Allowance, lease: Lease, organization: Lease) -> None:
        self.plan = plan
        self.allowance = allowed
        self.lease = lease
        self.organization = organization
        self.running = 0
        self.subscriptions = 0

    def begin_subscription(self) -> None:
        """Counts a subscription that starts; `end_subscription` must follow. Raises TooFastError."""
        if self.subscriptions >= self.allowance.subscriptions:
            raise TooFastError(f"{self.subscriptions} subscriptions of yours run at this moment; end one first.", 1)
        self.subscriptions += 1

    def end_subscription(self) -> None:
        self.subscriptions -= 1

    def check_price(self, cost: int) -> None:
        if cost > self.allowance.operation:
            raise TooCostlyError(cost, self.allowance.operation)


class Throttle:
    """One per process."""

    def __init__(self, settings: Settings, redis: Redis | None) -> None:
        self._factor = settings.rate_limit_factor
        storage: Any = MemoryStorage()
        if redis is not None:
            pool: Any = redis.connection_pool
            storage = RedisStorage(f"async+{settings.redis_url}", implementation="redispy", connection_pool=pool)
        self._storage = storage
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._accounts: dict[tuple[str, str], Account] = {}
        self._organizations: dict[str, Lease] = {}
        self._silent_until = 0.0

    def account(self, caller: Caller) -> Account:
        """The account that pays for a caller."""
        actor = caller.actor
        key = actor.self_scope if actor is not None else ("", caller.address)
        account = self._accounts.get(key)
        if account is None or (actor is not None and account.plan != actor.plan):
            account = self._open(key, actor)
        return account

    def _open(self, key: tuple[str, str], actor: Actor | None) -> Account:
        if len(self._accounts) >= ACCOUNTS_KEPT:
            idle = (each for each, account in self._accounts.items() if not account.running + account.subscriptions)
            for oldest in [each for each, _ in zip(idle, range(ACCOUNTS_KEPT // 10), strict=False)]:
                del self._accounts[oldest]
        if actor is None:
            made = Account("", ANONYMOUS, self._lease(f"address:{key[1]}", ANONYMOUS.actor), _unlimited())
        else:
            allowed = allowance(actor.plan)
            shared = self._organizations.get(key[0])
            if shared is None or shared.item.amount != self._amount(allowed.organization):
                while len(self._organizations) >= ACCOUNTS_KEPT:
                    del self._organizations[next(iter(self._organizations))]
                shared = self._organizations[key[0]] = self._lease(f"organization:{key[0]}", allowed.organization)
            made = Account(actor.plan, allowed, self._lease(f"actor:{key[0]}:{key[1]}", allowed.actor), shared)
        self._accounts[key] = made
        return made

    def _amount(self, limit: int) -> int:
        return max(1, int(limit * self._factor))

    def _lease(self, key: str, limit: int) -> Lease:
        return Lease(key, self._amount(limit)) if self._factor else _unlimited()

    def spend(self, account: Account, cost: int, now: float) -> bool:
        """Pays from memory; False means that `pay` must be awaited. `now` is of `perf_counter`."""
        lease, shared = account.lease, account.organization
        if lease.left < cost or shared.left < cost or lease.until < now or shared.until < now:
            return False
        lease.left -= cost
        shared.left -= cost
        if lease.left < lease.low and lease.refill is None:
            self._begin_refill(lease, 0)
        if shared.left < shared.low and shared.refill is None:
            self._begin_refill(shared, 0)
        return True

    async def pay(self, account: Account, cost: int) -> None:
        """Pays, asking the store when memory does not suffice. Raises TooFastError."""
        while not self.spend(account, cost, perf_counter()):
            await self._ensure(account.lease, cost, "You have")
            await self._ensure(account.organization, cost, "Your organization has")

    async def _ensure(self, lease: Lease, cost: int, who: str) -> None:
        while lease.left < cost or lease.until < perf_counter():
            now = perf_counter()
            if now < lease.refused_until and cost >= lease.refused_cost:
                seconds = max(
                    1, math.ceil(lease.wait - (now - (lease.refused_until - min(lease.wait, LONGEST_REFUSAL))))
                )
                raise TooFastError(
                    f"{who} used {lease.item.amount} points within a minute; try again in {seconds} s.", seconds
                )
            await asyncio.shield(lease.refill or self._begin_refill(lease, cost))

    def _begin_refill(self, lease: Lease, cost: int) -> "asyncio.Task[None]":
        """Starts to lease more; with `cost`, at least that much or a refusal."""
        task = asyncio.get_running_loop().create_task(self._refill(lease, cost))
        lease.refill = task
        return task

    async def _refill(self, lease: Lease, cost: int) -> None:
        try:
            granted = await self._ask(lease, cost)
        finally:
            lease.refill = None
        now = perf_counter()
        if granted:
            lease.left = granted + (lease.left if lease.until >= now else 0)
            lease.until = now + LEASE_SECONDS

    async def _ask(self, lease: Lease, cost: int) -> int:
        """What the store grants; 0 after a refusal."""
        wanted = max(lease.chunk, cost)
        if perf_counter() < self._silent_until:
            return wanted
        try:
            async with asyncio.timeout(STORE_SECONDS):
                granted = 0
                for amount in {wanted: None, max(cost, 1): None}:
                    if await self._limiter.hit(lease.item, lease.key, cost=amount):
                        granted = amount
                        break
                window = await self._storage.get_sliding_window(lease.item.key_for(lease.key), lease.item.get_expiry())
        except hints.ERRORS as error:
            self._silent_until = perf_counter() + 1.0
            log.warning("rate limits are not enforced", error=repr(error))
            return wanted
        lease.known = remaining(lease.item.amount, window)
        if not granted:
            lease.wait = seconds_until(lease.item.amount, max(cost, 1), window)
            lease.refused_cost = max(cost, 1)
            lease.refused_until = perf_counter() + min(lease.wait, LONGEST_REFUSAL)
        return granted


Window = tuple[int, float, int, float]  # count and seconds to live of the window before and of this one


def remaining(limit: int, window: Window) -> int:
    """What a sliding window has left."""
    before, before_lives, now, _ = window
    return max(0, limit - math.floor(before * before_lives / WINDOW) - now)


def seconds_until(limit: int, cost: int, window: Window) -> float:
    """When a sliding window that is full will have room for `cost`, if nothing else is spent."""
    before, before_lives, now, now_lives = window
    room = limit - cost - now
    if room >= 0 and before:
        return max(0.0, before_lives - room * WINDOW / before)
    # This window must end, and then fade; it lives for another one as the window before.
    fades = WINDOW * (1 - max(0, limit - cost) / now) if now else 0.0
    return max(0.0, now_lives - WINDOW) + max(0.0, fades)


def _unlimited() -> Lease:
    lease = Lease("", 1)
    lease.left, lease.until, lease.low = UNLIMITED, math.inf, 0
    return lease
