"""Staged uploads: leave to put a file into the store, and what becomes of it.

What arrives is a document only once it was looked at, and then under another key: an address that is still good can
change what was staged, never what was taken.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from uuid_utils.compat import uuid7

from db.files.documents import Document, DocumentPurpose
from db.files.uploads import Upload
from db.session import Database
from domain.context import Ctx
from domain.entities import access
from domain.errors import ErrorCode, ForbiddenError, NotFoundError, UserError, UserErrors, refuse
from domain.files import documents, pictures
from domain.files.rules import contents
from domain.permissions import Permission
from runtime.storage import Storage, storage

LIFE = timedelta(minutes=30)
# Before it is swept, so that a slow PUT that began in time does not arrive behind the broom.
SWEPT_AFTER = timedelta(hours=6)
BATCH = 500
STAGED = "staged"


@dataclass(frozen=True)
class Staged:
    """Where the content goes: one PUT of exactly the announced size."""

    id: UUID
    url: str
    expires_at: datetime


async def stage(ctx: Ctx, *, name: str, content_type: str, size: int, purpose: DocumentPurpose) -> Staged:
    """Leave to upload one file."""
    ctx.check(Permission.DOCUMENT_UPLOAD)
    if purpose in (DocumentPurpose.ASSET, DocumentPurpose.TEMPLATE):
        ctx.check(Permission.DOCUMENT_MANAGE)
    uploader_id = ctx.actor.user_id
    if uploader_id is None:
        raise ForbiddenError("Only a person uploads files.")
    name = contents.clean_name(name)
    content_type = content_type.strip().lower()
    problems = contents.problems(name, content_type, size, purpose)
    if purpose is DocumentPurpose.CERTIFICATE:
        message = "Certificates are made by the platform; upload a scanned one as EVIDENCE."
        problems.insert(0, UserError(ErrorCode.NOT_ALLOWED, message, ("input", "purpose")))
    if problems:
        raise UserErrors(*problems)
    made = Upload(
        org_id=ctx.actor.org_id,
        id=uuid7(),
        name=name,
        content_type=content_type,
        size=size,
        purpose=purpose,
        key=documents.new_key(STAGED),
        uploader_id=uploader_id,
        expires_at=ctx.now + LIFE,
    )
    ctx.session.add(made)
    url = await storage().upload_url(made.key, size, ctx.now, LIFE)
    return Staged(made.id, url, made.expires_at)


async def complete(ctx: Ctx, id: UUID) -> UUID:
    """Look at what arrived and make it a document. Again: the same document."""
    ctx.check(Permission.DOCUMENT_UPLOAD)
    upload = await access(ctx, Upload, id, "upload")
    if upload.uploader_id != ctx.actor.user_id:
        raise NotFoundError("There is no such upload.")
    if await ctx.session.get(Document, (ctx.actor.org_id, id)) is not None:
        return id
    if upload.expires_at < ctx.now:
        raise refuse(ErrorCode.EXPIRED, "This upload was not completed in time; stage the file again.", "id")
    data = await _arrived(upload)
    purpose = DocumentPurpose(upload.purpose)
    problems = contents.content_problems(data, upload.content_type)
    if not problems and contents.is_drawn(upload.content_type, purpose):
        problems = await pictures.problems(data)
    if problems:
        raise UserErrors(*problems)
    key = _kept_key(upload.key)
    await storage().put(key, data, name=upload.name, content_type=upload.content_type)
    return await documents.add(
        ctx,
        id,
        name=upload.name,
        content_type=upload.content_type,
        data=data,
        purpose=purpose,
        key=key,
    )


async def sweep(db: Database, now: datetime, store: Storage | None = None) -> int:
    """Forget uploads that expired, and what was put there; also the content of one that was taken by a command which
    did not commit. Returns how many. A store that is away fails the sweep, and the next one goes on."""
    store = store or storage()
    swept = 0
    while True:
        async with db.platform() as session:
            rows = (
                await session.execute(
                    select(Upload.org_id, Upload.id, Upload.key)
                    .where(Upload.expires_at < now - SWEPT_AFTER)
                    .order_by(Upload.expires_at)
                    .limit(BATCH)
                )
            ).all()
            taken = set(await session.scalars(select(Document.id).where(Document.id.in_([row.id for row in rows]))))
            for row in rows:
                await store.delete(row.key)
                if row.id not in taken:
                    await store.delete(_kept_key(row.key))
            await session.execute(delete(Upload).where(Upload.id.in_([row.id for row in rows])))
        swept += len(rows)
        if len(rows) < BATCH:
            return swept


async def _arrived(upload: Upload) -> bytes:
    """What was put, when it is as large as was announced. UserErrors otherwise; a giant is not read."""
    size = await storage().size(upload.key)
    if size is None:
        raise refuse(ErrorCode.NOT_FOUND, "Nothing has arrived yet: PUT the file to the address it was given.", "id")
    if size == upload.size:
        data = await storage().read(upload.key)
        if len(data) == size:
            return data
        size = len(data)
    message = f"{size:,} bytes arrived, {upload.size:,} were announced; PUT the whole file again."
    raise refuse(ErrorCode.INVALID, message, "id")


def _kept_key(staged: str) -> str:
    """Where the content of an upload stays. It follows from the upload's key, so that a command which is repeated
    writes to the same place, and the sweep finds what one that failed left there."""
    return f"documents/{staged.removeprefix(STAGED + '/')}"
