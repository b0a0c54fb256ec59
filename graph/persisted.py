"""Documents by their hash: automatic persisted queries, and the registered operations.

A process keeps what it has seen. Behind that are the table of registered operations and, for automatic ones, Redis,
so that what a client registered with one process is known to all. Whatever comes from outside is hashed before it
is believed.
"""

import asyncio
import re
from collections import OrderedDict
from time import monotonic
from typing import Any

from asyncpg import PostgresError
from redis.asyncio import Redis

from db.reads import ReadPool
from domain.errors import BadUserInputError, ForbiddenError, OperationError
from domain.operations import digest
from graph.operations import OperationRequest
from runtime import hints
from runtime.logging import get_logger
from runtime.settings import Settings

KEPT_CHARACTERS = 4_000_000
MISSES_KEPT = 10_000
MISSED_SECONDS = 2.0
# What one process puts into Redis while a document lives there: whoever is signed in could fill it otherwise.
SHARED_CHARACTERS = 4_000_000
STORE_SECONDS = 0.25
SHA256 = re.compile(r"[0-9a-f]{64}")
NO_SCOPE = ("", "")
REGISTERED = "SELECT document FROM operations WHERE sha256 = $1"

log = get_logger("opsgraph.persisted")


class NotFoundError(OperationError):
    """Clients know this message and code: they send hash and text once more."""

    code = "PERSISTED_QUERY_NOT_FOUND"


class NotSupportedError(OperationError):
    """Clients know this message and code: they send texts without hashes from now on."""

    code = "PERSISTED_QUERY_NOT_SUPPORTED"


class NotTrustedError(ForbiddenError):
    """The operation is not among the registered ones, and nothing else may run."""

    code = "OPERATION_NOT_TRUSTED"


def hash_of(extensions: dict[str, Any] | None) -> str | None:
    """The hash in `extensions.persistedQuery`; None without one. Raises BadUserInputError when it is malformed."""
    given = extensions.get("persistedQuery") if extensions else None
    if given is None:
        return None
    if not isinstance(given, dict):
        raise BadUserInputError("`extensions.persistedQuery` must be an object with `version` and `sha256Hash`.")
    if given.get("version") != 1:
        raise BadUserInputError("Unsupported persisted query version: only version 1 is known.")
    found = given.get("sha256Hash")
    if not isinstance(found, str) or not SHA256.fullmatch(found):
        raise BadUserInputError("`sha256Hash` must be a SHA-256 hash in 64 lower-case hexadecimal digits.")
    return found


class Documents:
    """One per process."""

    def __init__(self, settings: Settings, reads: ReadPool, redis: Redis | None) -> None:
        self.trusted = settings.operations == "trusted"
        self._automatic = settings.persisted_queries and not self.trusted
        self._ttl = settings.persisted_query_seconds
        self._reads = reads
        self._redis = redis
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._characters = 0
        self._missed: dict[str, float] = {}
        self._silent_until = 0.0
        self._shared_characters = 0
        self._shared_until = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def text(self, request: OperationRequest) -> str:
        """The document of a request, whether it came as text, as a hash or as both. Raises OperationError."""
        given = hash_of(request.extensions)
        if given is None:
            if self.trusted:
                await self._check_trusted(request.query)
            return request.query
        known = self._texts.get(given)
        if known is not None and (not request.query or request.query == known):
            self._texts.move_to_end(given)
            return known
        if not self._automatic and not self.trusted:
            raise NotSupportedError("PersistedQueryNotSupported")
        if not request.query:
            return await self._find(given)
        if digest(request.query) != given:
            raise BadUserInputError("The provided sha256Hash does not match the query.")
        if self.trusted:
            await self._check_trusted(request.query)
        return request.query

    def remember(self, request: OperationRequest, *, share: bool) -> None:
        """Keep a document that came with its hash and proved valid; `share` it with the other processes."""
        given = hash_of(request.extensions)
        if not self._automatic or given is None or not request.query or given in self._texts:
            return
        self._keep(given, request.query)
        if share and self._redis is not None and self._may_share(len(request.query)):
            task = asyncio.create_task(self._share(self._redis, given, request.query))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _may_share(self, characters: int) -> bool:
        now = monotonic()
        if now >= self._shared_until:
            self._shared_until, self._shared_characters = now + self._ttl, 0
        if now < self._silent_until or self._shared_characters + characters > SHARED_CHARACTERS:
            return False
        self._shared_characters += characters
        return True

    async def _find(self, given: str) -> str:
        if self._missed.get(given, 0.0) < monotonic():
            text = await self._registered(given)
            if text is None and self._automatic:
                text = await self._shared(given)
            if text is not None and digest(text) == given:
                self._keep(given, text)
                return text
            self._miss(given)
        if self.trusted:
            raise _not_trusted()
        raise NotFoundError("PersistedQueryNotFound")

    async def _check_trusted(self, text: str) -> None:
        given = digest(text)
        if given in self._texts:
            return
        if self._missed.get(given, 0.0) < monotonic():
            if await self._registered(given) is not None:
                self._keep(given, text)
                return
            self._miss(given)
        raise _not_trusted()

    async def _registered(self, given: str) -> str | None:
        try:
            row = await self._reads.fetchrow(REGISTERED, [given], NO_SCOPE)
        except (PostgresError, OSError) as error:
            if self.trusted:
                raise
            log.warning("registered operations cannot be read", error=repr(error))
            return None
        return row[0] if row else None

    async def _shared(self, given: str) -> str | None:
        if self._redis is None or monotonic() < self._silent_until:
            return None
        try:
            async with asyncio.timeout(STORE_SECONDS):
                found: str | None = await self._redis.getex(_key(given), ex=self._ttl)
                return found
        except hints.ERRORS as error:
            self._silence(error)
            return None

    async def _share(self, redis: Redis, given: str, text: str) -> None:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await redis.set(_key(given), text, ex=self._ttl)
        except hints.ERRORS as error:
            self._silence(error)

    def _silence(self, error: BaseException) -> None:
        """Without the store every process learns for itself; do not wait for it at every request."""
        self._silent_until = monotonic() + 1.0
        log.warning("persisted queries are not shared", error=repr(error))

    def _keep(self, given: str, text: str) -> None:
        if given in self._texts:
            return  # others looked for it at the same moment
        self._texts[given] = text
        self._characters += len(text)
        while self._characters > KEPT_CHARACTERS and len(self._texts) > 1:
            _, oldest = self._texts.popitem(last=False)
            self._characters -= len(oldest)

    def _miss(self, given: str) -> None:
        while len(self._missed) >= MISSES_KEPT:
            del self._missed[next(iter(self._missed))]
        self._missed[given] = monotonic() + MISSED_SECONDS

    async def close(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _key(given: str) -> str:
    return f"opsgraph:document:{given}"


def _not_trusted() -> NotTrustedError:
    return NotTrustedError(
        "Only registered operations may run here, and this is none of them: send the hash or the exact text of one "
        "that was registered with `./opsgraph operations push`."
    )
