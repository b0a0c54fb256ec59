"""Idempotency keys: a mutation that is sent again is not done again.

The answer is kept in the transaction of what was done, so there is either both or neither. With a key all mutations of
an operation are one transaction, each behind a savepoint; who comes with the same key meanwhile, here or in another
process, waits for its end and gets the same bytes.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import orjson
from asyncpg.exceptions import LockNotAvailableError
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from db import idempotency
from db.events import outbox
from db.idempotency import Claim, Kept
from domain.errors import BadUserInputError, ConflictError, OperationError
from graph.answers import Header
from graph.core.mutations import CHANGED
from graph.core.run import Run
from graph.operations import Caller, OperationRequest, Outcome
from graph.preparing import Known, refuse

if TYPE_CHECKING:
    from graph.context import Platform

WAIT_SECONDS = 5.0
REPLAYED: Header = (b"idempotency-replayed", b"true")


class KeyInUseError(ConflictError):
    """The first operation with the key goes on for longer than one may wait."""

    extensions = {"retryAfter": 1}  # noqa: RUF012 - a constant


class KeyReusedError(OperationError):
    """The key came with another operation before."""

    code = "IDEMPOTENCY_KEY_REUSED"


class _NothingDoneError(Exception):
    """Rolls back; `outcome` says why every mutation failed."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


class Idempotency:
    """The keyed mutations of one process."""

    def __init__(self, platform: "Platform") -> None:
        self._platform = platform
        self._turns: WeakValueDictionary[tuple[object, ...], asyncio.Lock] = WeakValueDictionary()

    async def once(
        self, known: Known, request: OperationRequest, run: Run, execute: Callable[[], Awaitable[Outcome]]
    ) -> Outcome:
        """The answer that the caller's key was given, or that of `execute` now. Raises RefusedError."""
        try:
            claim = _claim(known, request, run.caller)
            async with self._turn(claim), self._platform.db.tenant(claim.org_id, claim.user_id) as session:
                kept = await self._kept(session, claim)
                outcome = _again(kept, claim) if kept else await self._now(session, claim, run, execute)
        except _NothingDoneError as nothing:
            return nothing.outcome
        except IntegrityError as error:
            raise refuse(ConflictError(CHANGED)) from error
        except (OperationError, SQLAlchemyError, OSError) as error:
            raise refuse(error) from error
        self._platform.committed()
        return outcome

    @asynccontextmanager
    async def _turn(self, claim: Claim) -> AsyncIterator[None]:
        """One at a time in this process: who waits here holds no connection."""
        turn = self._turns.setdefault(claim[:3], asyncio.Lock())
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await turn.acquire()
        except TimeoutError:
            raise _in_use() from None
        try:
            yield
        finally:
            turn.release()

    async def _kept(self, session: AsyncSession, claim: Claim) -> Kept | None:
        try:
            kept = await idempotency.claim(session, claim)
        except DBAPIError as error:
            if error.orig is not None and isinstance(error.orig.__cause__, LockNotAvailableError):
                raise _in_use() from error
            raise
        if kept is not None:
            # Whoever committed it may have died before it told those who keep answers.
            outbox.concern(session, [claim.org_id])
        return kept

    async def _now(
        self, session: AsyncSession, claim: Claim, run: Run, execute: Callable[[], Awaitable[Outcome]]
    ) -> Outcome:
        run.session = session
        outcome = await execute()
        if not run.answered:
            raise _NothingDoneError(outcome)
        await idempotency.keep(session, claim, outcome.status, outcome.body)
        return outcome


def _claim(known: Known, request: OperationRequest, caller: Caller) -> Claim:
    """Raises OperationError when nobody is signed in."""
    actor = caller.actor
    if actor is None or actor.user_id is None:
        raise BadUserInputError(
            "An Idempotency-Key belongs to a person in an organization: sign in, or send this without one."
        )
    said: list[Any] = [known.text, request.operation_name, request.variables or {}]
    digest = hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()
    return Claim(actor.org_id, actor.user_id, caller.idempotency_key, digest)


def _again(kept: Kept, claim: Claim) -> Outcome:
    if kept.digest != claim.digest:
        raise KeyReusedError(
            "Another operation, or other variables, came with this Idempotency-Key before; take a new key for each "
            "thing to be done."
        )
    return Outcome(kept.answer, status=kept.status, headers=(REPLAYED,))


def _in_use() -> KeyInUseError:
    return KeyInUseError("The first operation with this Idempotency-Key is not done yet; send it again in a moment.")
