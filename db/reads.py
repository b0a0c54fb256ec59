"""The read pool: asyncpg connections that remember their tenant.

A checkout names the organization (and for self-scoped reads the user); a connection that last served the same one
costs nothing, any other is set first, in one round trip. There is no other way to run a read, so no connection ever
serves a request before its tenant is set. Statements run in autocommit, each in its own snapshot.
"""

from time import perf_counter
from typing import Any

import asyncpg

from db.read_connection import ReadConnection
from db.rls import APP_ROLE
from db.sharing import Scope, Shared
from runtime.settings import Settings

SET_SCOPE = "SELECT set_config('app.org_id', $1, false), set_config('app.user_id', $2, false)"
SET_LOCAL = "SELECT set_config('app.org_id', $1, true), set_config('app.user_id', $2, true)"
# The internal error is what asyncpg raises on a connection that has heard of its end, but not yet seen it.
LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    OSError,
)


class ReadPool:
    """At most `database_read_pool_size` connections, each lent to one read at a time."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.database_read_url or settings.database_url
        self._transactional = settings.database_transaction_pooler
        self._timeout = settings.statement_timeout_ms
        self._shared = Shared(settings.database_read_pool_size, self._connect)

    async def fetchrow(self, sql: str, arguments: list[Any], scope: Scope) -> Any:
        """The first row of a read in this scope. A connection that was lost (the server restarted) is replaced
        and the read is tried once more: it changes nothing, so trying twice is safe."""
        try:
            return await self._run(sql, arguments, scope)
        except LOST:
            return await self._run(sql, arguments, scope)

    async def _run(self, sql: str, arguments: list[Any], scope: Scope) -> Any:
        connection, place, found = await self._shared.borrow(scope)
        while connection.is_closed():
            # It ended while it was free, and all others may have: one read must not find out about each by failing.
            self._shared.discard(connection, place)
            connection, place, found = await self._shared.borrow(scope)
        started = perf_counter()
        whole = found or self._transactional
        try:
            if self._transactional:
                async with connection.transaction(readonly=True):
                    await connection.fetchrow(SET_LOCAL, *scope)
                    result = await connection.first(sql, arguments)
            else:
                if not found:
                    await connection.first(SET_SCOPE, [*scope])
                    whole = True
                result = await connection.first(sql, arguments)
        except BaseException as error:
            # A refused statement leaves a connection that has its scope as it was. A cancelled or broken exchange
            # leaves it in an unknown state.
            if whole and isinstance(error, asyncpg.PostgresError) and not isinstance(error, LOST):
                self._shared.give_back(connection, place, perf_counter() - started)
            else:
                self._shared.discard(connection, place)
            raise
        self._shared.give_back(connection, place, perf_counter() - started)
        return result

    async def _connect(self) -> ReadConnection:
        connection = await asyncpg.connect(
            self._url,
            connection_class=ReadConnection,
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
        try:
            # Rendered JSON goes out as the bytes it came in.
            await connection.set_type_codec(
                "json", schema="pg_catalog", encoder=str.encode, decoder=bytes, format="binary"
            )
        except BaseException:
            connection.terminate()  # a read that is cancelled here would leave it open
            raise
        return connection

    async def close(self) -> None:
        await self._shared.close()
