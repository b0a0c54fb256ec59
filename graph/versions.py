"""Conditional GET: an answer that has not changed costs a 304 and no SQL.

What a compiled query shows is decided by its statement, the arguments, who asks, and the data. When the
organization's events cover all the data that it reads (`Plan.logged`), the organization's version stands for them,
and the tag of the answer is a hash of all this, known before the statement runs. Any other answer has a hash of its
bytes as its tag, and its statement runs each time.
"""

from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from domain.context import Actor
from domain.events.versions import Versions, sequence
from graph import cost
from graph.answers import is_known
from graph.compiler.plans import Plan, render
from graph.operations import Outcome
from graph.throttling import Account

if TYPE_CHECKING:
    from graph.engine import Engine

Read = Callable[[Plan, dict[str, Any], Actor], Awaitable[Any]]


class Condition:
    """The condition of one GET, and how a query with a logged plan is answered under it."""

    def __init__(self, versions: Versions, media: bytes, if_none_match: bytes | None) -> None:
        self._versions = versions
        self._media = media
        self._known = if_none_match

    def applies(self, plan: Plan, actor: Actor) -> bool:
        """Whether the organization's version decides the answer. A guest superuser is seen, and their own name
        changes, outside the organization they look at."""
        return plan.logged and actor.impersonator_id is None

    async def answer(
        self, engine: "Engine", account: Account, plan: Plan, coerced: dict[str, Any], actor: Actor, read: Read
    ) -> Outcome:
        """The answer, or 304 for a client that has it. Raises OperationError when it costs too much."""
        account.check_price(plan.cost)
        await engine.throttle.pay(account, cost.UNCHANGED)
        key = self._key(plan, coerced, actor)
        if self._known is not None:
            version = await self._versions.settled(actor.org_id) or await self._versions.ask(actor.org_id)
            if version is not None and is_known(tag := _tag(key, version), self._known):
                return _unchanged(tag)
        if plan.cost > cost.UNCHANGED:
            await engine.throttle.pay(account, plan.cost - cost.UNCHANGED)
        ticket = await self._versions.begin(actor.org_id)
        *row, version = await read(plan.versioned, coerced, actor)
        self._versions.settle(ticket, version)
        body = render(plan, row, cost.UNREPORTED)
        if version is None:
            return Outcome(body)
        tag = _tag(key, version)
        return _unchanged(tag) if is_known(tag, self._known) else Outcome(body, headers=((b"etag", tag),))

    def _key(self, plan: Plan, coerced: dict[str, Any], actor: Actor) -> bytes:
        """Equal for answers that the same version makes equal."""
        asked = (plan.arguments(coerced, actor), actor.self_scope, actor.session_id, actor.fingerprint)
        return blake2b(plan.digest + repr(asked).encode(), digest_size=32, person=self._media[-16:]).digest()


def _tag(key: bytes, version: str) -> bytes:
    digest = blake2b(version.encode(), key=key, digest_size=15).hexdigest()
    return b'W/"v%d-%b"' % (sequence(version), digest.encode())


def _unchanged(tag: bytes) -> Outcome:
    return Outcome(b"", status=304, headers=((b"etag", tag),))
