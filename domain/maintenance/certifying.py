"""Making a certificate's PDF: once, from its frozen content, however often it is tried."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from db.events.jobs import Job
from db.files.documents import DocumentPurpose
from db.maintenance.releases import Release
from domain import entities
from domain.context import Ctx
from domain.errors import NotFoundError
from domain.files import documents
from domain.maintenance import signing_keys
from domain.maintenance.certificates.keys import Material
from domain.maintenance.certificates.sheet import Sheet
from domain.maintenance.releases import JOB, PREFIX

LEFT_BEHIND = timedelta(hours=1)
# The other may be drawing this very page.
PATIENT = text("SET LOCAL lock_timeout = '60s'")
MISSING = text("""
    SELECT r.org_id, r.id FROM releases r
    WHERE r.document_id IS NULL AND r.created_at < :before AND NOT EXISTS (
        SELECT FROM jobs j
        WHERE j.org_id = r.org_id AND j.kind = :kind AND j.state IN ('QUEUED', 'RUNNING')
            AND j.arguments ->> 'id' = r.id::text)
    ORDER BY r.created_at LIMIT 1000
""")


async def certify(ctx: Ctx, release_id: UUID) -> UUID:
    """The certificate's document, made if it is not there yet. The row is locked meanwhile, so of two who try at once
    the second finds what the first made."""
    await ctx.session.execute(PATIENT)
    release = await entities.access(ctx, Release, release_id, "certificate")
    if release.document_id is not None:
        return release.document_id
    material = await signing_keys.current(ctx)
    sheet = Sheet(release.content, verification_url(ctx, release), await _logo(ctx, release))
    content = await asyncio.to_thread(_made, sheet, material)
    release.document_id = await documents.store(
        ctx,
        name=f"{release.number}.pdf",
        content_type="application/pdf",
        data=content,
        purpose=DocumentPurpose.CERTIFICATE,
    )
    await ctx.session.flush()
    ctx.record("release.certified", PREFIX, release.id, after={"document_id": str(release.document_id)})
    return release.document_id


def verification_url(ctx: Ctx, release: Release) -> str:
    """Where anybody can see whether the certificate is genuine."""
    return f"{ctx.settings.public_url.rstrip('/')}/verify/{release.number}/{release.token}"


async def ask_again(session: AsyncSession, now: datetime) -> int:
    """Across organizations: a new job for every certificate that has no PDF and no job any more. How many."""
    missing = (await session.execute(MISSING, {"before": now - LEFT_BEHIND, "kind": JOB})).all()
    session.add_all(Job(org_id=row.org_id, kind=JOB, arguments={"id": str(row.id)}, run_after=now) for row in missing)
    return len(missing)


def _made(sheet: Sheet, material: Material) -> bytes:
    # To load these takes a second, and only workers that make certificates need them.
    from domain.maintenance.certificates import signing, typesetting

    content = sheet.content
    return signing.sign(
        typesetting.typeset(sheet), material, reason=content["statement"], name=content["signatory"]["name"]
    )


async def _logo(ctx: Ctx, release: Release) -> tuple[str, bytes] | None:
    name: str | None = release.content.get("logo")
    # Another one may have taken its place since, and this one be gone: the certificate does not wait for it.
    with suppress(NotFoundError):
        return await documents.read(ctx, UUID(name.partition("_")[2])) if name else None
    return None
