"""Jobs asked for as commands ask for them, and a worker to run them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from db.events.jobs import Job
from db.session import Database
from runtime.settings import Settings
from workers.main import serve


async def ask(db: Database, kind: str, arguments: dict[str, Any] | None = None, org_id: UUID | None = None) -> UUID:
    """Write a job's row, as the organization or as the platform; its id."""
    job_id = uuid7()
    async with db.platform() if org_id is None else db.tenant(org_id) as session:
        session.add(Job(id=job_id, org_id=org_id, kind=kind, arguments=arguments or {}))
    return job_id


async def job_row(db: Database, job_id: UUID) -> Job:
    async with db.platform() as session:
        found = await session.get(Job, job_id)
        assert found is not None
        return found


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[None]:
    """A whole worker, during the block."""
    stop = asyncio.Event()
    task = asyncio.create_task(serve(settings, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 5)
