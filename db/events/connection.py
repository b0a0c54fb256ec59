"""A connection of one's own, outside the pools: for the relay and for long walks over the log."""

from typing import TypeAlias

import asyncpg

from runtime.settings import Settings

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"  # a string: only the stubs know it as generic


def libpq_url(url: str) -> str:
    """`url` without a SQLAlchemy driver name, which asyncpg does not know."""
    return "postgresql://" + url.split("://", 1)[1]


async def connect(settings: Settings, role: str, name: str) -> Connection:
    """One asyncpg connection that acts as `role`; `name` is its application_name suffix."""
    return await asyncpg.connect(
        libpq_url(settings.database_url),
        timeout=10,
        command_timeout=60,
        statement_cache_size=0 if settings.database_transaction_pooler else 100,
        server_settings={
            "role": role,
            "application_name": f"opsgraph-{name}",
            "timezone": "UTC",
            "lock_timeout": "5000",
            "idle_in_transaction_session_timeout": "60000",
        },
    )
