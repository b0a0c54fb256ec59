"""Making the PDFs of certificates."""

from typing import Any
from uuid import UUID

from domain.context import Actor, Ctx
from domain.maintenance.certifying import certify
from domain.maintenance.releases import JOB
from workers.jobs import JobContext, PermanentError, job


@job(JOB, timeout=120)
async def make(ctx: JobContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """Make, sign and store the PDF of one certificate, unless it is there."""
    if ctx.org_id is None:
        raise PermanentError("A certificate belongs to an organization.")
    async with ctx.transaction() as session:
        platform = Actor(ctx.org_id, None, frozenset())
        document_id = await certify(Ctx(platform, session), UUID(arguments["id"]))
    return {"document_id": str(document_id)}
