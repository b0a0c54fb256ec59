"""The read pool: asyncpg connections that remember their tenant.

A checkout names the organization (and for self-scoped reads the user); a connection that last served the same one
costs nothing, any other is set first, in one round trip. There is no other way to run a read, so no connection ever
serves a request before its tenant is set. Statements run in autocommit, each in its own snapshot.
"""

import asyncio
from collections import OrderedDict, deque
from typing import Any, TypeAlias

import asyncpg

from db.rls import APP_ROLE
from runtime.settings import Settings

Scope = tuple[str, str]  # organization and user, as Actor.scope gives them; "" for none
Connection: TypeAlias = "asyncpg.Connection[Any]"

SET_SCOPE = "SELECT set_config('app.org_id', $1, false), set_config('app.user_id', $2, false)"
SET_LOCAL = "SELECT set_config('app.org_id', $1, true), set_config('app.user_id', $2, true)"
LOST = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError, asyncpg.CannotConnectNowError, OSError)  # fmt: skip


class ReadPool:
    """At most `database_read_pool_size` connections, handed out first to who waited longest."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.database_read_url or settings.database_url
        self._size = settings.database_read_pool_size
        self._transactional = settings.database_transaction_pooler
        self._timeout = settings.statement_timeout_ms
        self._idle: OrderedDict[Connection, Scope] = OrderedDict()  # least recently used first
        self._by_scope: dict[Scope, deque[Connection]] = {}
        self._open = 0
        self._waiters: deque[asyncio.Future[None]] = deque()

    async def fetchrow(self, sql: str, arguments: list[Any], scope: Scope) -> Any:
        """The first row of a read in this scope. A connection that was lost (the server restarted) is replaced
        and the read is tried once more: it changes nothing, so trying twice is safe."""
        try:
            return await self._run(sql, arguments, scope)
        except LOST:
            return await self._run(sql, arguments, scope)

    async def fetch(self, sql: str, arguments: list[Any], scope: Scope) -> list[Any]:
        """All rows of a read in this scope, as `fetchrow`."""
        try:
            return await self._run(sql, arguments, scope, many=True)  # type: ignore[no-any-return]
        except LOST:
            return await self._run(sql, arguments, scope, many=True)  # type: ignore[no-any-return]

    async def _run(self, sql: str, arguments: list[Any], scope: Scope, *, many: bool = False) -> Any:
        connection, found = await self._acquire(scope)
        try:
            if self._transactional:
                async with connection.transaction(readonly=True):
                    await connection.fetchrow(SET_LOCAL, *scope)
                    result = await (connection.fetch if many else connection.fetchrow)(sql, *arguments)
            else:
                if found != scope:
                    await connection.fetchrow(SET_SCOPE, *scope)
                result = await (connection.fetch if many else connection.fetchrow)(sql, *arguments)
        except asyncpg.PostgresError as error:
            if isinstance(error, LOST):
                self._discard(connection)
            else:
                self._release(connection, scope)
            raise
        except BaseException:
            # A cancelled or broken exchange leaves the protocol in an unknown state.
            self._discard(connection)
            raise
        self._release(connection, scope)
        return result

    async def _acquire(self, scope: Scope) -> tuple[Connection, Scope | None]:
        while True:
            if same := self._by_scope.get(scope):
                connection = same.pop()
                del self._idle[connection]
                return connection, scope
            if self._open < self._size:
                self._open += 1
                try:
                    return await self._connect(), None
                except BaseException:
                    self._open -= 1
                    self._wake()
                    raise
            if self._idle:
                connection, other = self._idle.popitem(last=False)
                self._by_scope[other].remove(connection)
                return connection, other
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except BaseException:
                if waiter.done() and not waiter.cancelled():
                    self._wake()
                raise

    async def _connect(self) -> Connection:
        connection = await asyncpg.connect(
            self._url,
            statement_cache_size=0 if self._transactional else 500,
            max_cacheable_statement_size=0,
            max_cached_statement_lifetime=0,
            server_settings={
                "role": APP_ROLE,
                "application_name": "opsgraph-read",
                "timezone": "UTC",
                "default_transaction_read_only": "on",
                # Nested statements under policies would be planned anew at each execution otherwise.
                "plan_cache_mode": "force_generic_plan",
                "jit": "off",
                "statement_timeout": str(self._timeout),
            },
        )
        # Rendered JSON goes out as the bytes it came in.
        await connection.set_type_codec("json", schema="pg_catalog", encoder=str.encode, decoder=bytes, format="binary")
        return connection

    def _release(self, connection: Connection, scope: Scope) -> None:
        if connection.is_closed():
            self._discard(connection)
            return
        self._idle[connection] = scope
        self._by_scope.setdefault(scope, deque()).append(connection)
        if len(self._by_scope) > 4 * self._size:
            self._by_scope = {key: held for key, held in self._by_scope.items() if held}
        self._wake()

    def _discard(self, connection: Connection) -> None:
        connection.terminate()
        self._open -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def close(self) -> None:
        for connection in list(self._idle):
            await connection.close(timeout=2)
        self._idle.clear()
        self._by_scope.clear()
        self._open = 0
