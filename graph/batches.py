"""Batches: several operations in one request, when the setting `batch_size` allows them.

They run one after the other, in their order, so that mutations do not interleave and a batch takes the place of one
operation among those that an actor may run at once. Together they may cost as much as one operation may.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from domain.errors import OperationError
from graph import envelope
from graph.context import Platform
from graph.envelope import EnvelopeError
from graph.operations import Caller, OperationRequest, Outcome

T = TypeVar("T")


class Batches:
    """Runs the batches of one process; false when they are off."""

    def __init__(self, platform: Platform) -> None:
        self._engine = platform.engine
        self._throttle = platform.engine.throttle
        self._most = platform.settings.batch_size

    def __bool__(self) -> bool:
        return self._most > 0

    def read(self, items: Sequence[Any]) -> list[OperationRequest]:
        """The operations of a batch. Raises EnvelopeError unless every one is well-formed."""
        if not items:
            raise EnvelopeError("The batch is empty; send at least one operation.")
        if len(items) > self._most:
            raise EnvelopeError(f"The batch holds {len(items)} operations; send at most {self._most} at once.")
        return [_one(number, item) for number, item in enumerate(items)]

    async def execute(self, requests: Sequence[OperationRequest], caller: Caller) -> Outcome:
        """All answers as one JSON array. Its status is 200 unless one was too much within the minute, which whoever
        counts requests between us and the client must see."""
        if caller.idempotency_key:
            raise EnvelopeError("An Idempotency-Key belongs to one operation; send operations with a key one by one.")
        try:
            total = sum(await _each(requests, lambda request: self._engine.price(request, caller)))
            self._throttle.account(caller).check_price(total)
        except OperationError as error:
            raise EnvelopeError(f"All of the batch is too much for one request. {error}", 400, error.code) from None
        outcomes = await _each(requests, lambda request: self._engine.execute(request, caller))
        body = b"[" + b",".join(outcome.body for outcome in outcomes) + b"]"
        refused = next((outcome for outcome in outcomes if outcome.status == 429), None)
        if refused is not None:
            return Outcome(body, status=429, headers=refused.headers, failed=True)
        return Outcome(body, failed=any(outcome.failed for outcome in outcomes))


async def _each(requests: Sequence[OperationRequest], work: Callable[[OperationRequest], Awaitable[T]]) -> list[T]:
    """What `work` makes of them, one after the other; other requests have their turn between them."""
    made = []
    for request in requests:
        made.append(await work(request))
        await asyncio.sleep(0)
    return made


def _one(number: int, item: Any) -> OperationRequest:
    try:
        if not isinstance(item, dict):
            raise EnvelopeError(f"it is {envelope.kind(item)}; send a JSON object with a 'query'.")
        return envelope.from_object(item)
    except EnvelopeError as error:
        raise EnvelopeError(f"Operation {number} of the batch: {error}") from None
