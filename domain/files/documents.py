"""Documents: made of uploads or by jobs, never changed, deleted while nothing refers to them."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete as sql_delete
from sqlalchemy import select
from uuid_utils.compat import uuid7

from db.files.documents import Document, DocumentPurpose
from db.files.uploads import Upload
from domain.context import Ctx
from domain.entities import unreferenced
from domain.errors import ErrorCode, NotFoundError, UserError, UserErrors, refuse
from domain.files.rules import contents
from domain.permissions import Permission
from runtime.storage import storage

PREFIX = "doc"
LINK_LIFE = timedelta(minutes=5)
FIELDS = ("name", "content_type", "size", "sha256", "purpose")
FORGET = "files.forget"


@dataclass(frozen=True)
class Link:
    """An address that gives the content until `expires_at`."""

    url: str
    expires_at: datetime


async def store(ctx: Ctx, *, name: str, content_type: str, data: bytes, purpose: DocumentPurpose) -> UUID:
    """Keep what the platform made itself, as jobs do. UserErrors when it is not what it is said to be."""
    name = contents.clean_name(name)
    problems = contents.problems(name, content_type, len(data), purpose)
    if problems := problems or contents.content_problems(data, content_type):
        raise UserErrors(*problems)
    key = new_key()
    await storage().put(key, data, name=name, content_type=content_type)
    return await add(ctx, uuid7(), name=name, content_type=content_type, data=data, purpose=purpose, key=key)


async def add(
    ctx: Ctx, id: UUID, *, name: str, content_type: str, data: bytes, purpose: DocumentPurpose, key: str
) -> UUID:
    """The record of a content that is in the store already."""
    made = Document(
        org_id=ctx.actor.org_id,
        id=id,
        name=name,
        content_type=content_type,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        purpose=purpose,
        key=key,
        uploader_id=ctx.actor.user_id,
    )
    ctx.session.add(made)
    await ctx.session.flush()
    ctx.record("document.created", PREFIX, id, after={field: getattr(made, field) for field in FIELDS})
    return id


async def problem(ctx: Ctx, id: UUID, purpose: DocumentPurpose) -> UserError | None:
    """Why something cannot refer to this document as one for `purpose`; the path is the caller's to add."""
    found = await ctx.session.scalar(
        select(Document.purpose).where(Document.org_id == ctx.actor.org_id, Document.id == id)
    )
    if found is None:
        return UserError(ErrorCode.NOT_FOUND, "There is no document with this id; upload it first.")
    if found != purpose:
        message = f"This document was uploaded for {found}; upload one for {purpose}."
        return UserError(ErrorCode.INVALID, message)
    return None


async def check(ctx: Ctx, id: UUID, purpose: DocumentPurpose) -> None:
    """Raises UserErrors unless the organization has this document, and for this purpose."""
    if error := await problem(ctx, id, purpose):
        raise UserErrors(error)


async def read(ctx: Ctx, id: UUID) -> tuple[str, bytes]:
    """Content type and content of a document, for jobs. NotFoundError when it is not there."""
    document = await _access(ctx, id)
    return document.content_type, await storage().read(document.key)


async def link(ctx: Ctx, id: UUID) -> Link:
    """A short-lived address of a document's content, for who may read documents."""
    ctx.check(Permission.DOCUMENT_READ)
    document = await _access(ctx, id)
    url = await storage().download_url(
        document.key, ctx.now, LINK_LIFE, name=document.name, content_type=document.content_type
    )
    return Link(url, ctx.now + LINK_LIFE)


async def delete(ctx: Ctx, id: UUID) -> UUID:
    """Only a document that nothing refers to goes; its content follows once that is certain."""
    ctx.check(Permission.DOCUMENT_MANAGE)
    document = await _access(ctx, id)
    before = {field: getattr(document, field) for field in FIELDS}
    in_use = refuse(ErrorCode.IN_USE, f"Something refers to {document.name}, so it is kept.", "id")
    async with unreferenced(ctx, in_use):
        await ctx.session.delete(document)
    # Its upload must not be completed once more: the new document would be of a content that is about to go.
    staged = await ctx.session.scalar(
        sql_delete(Upload).where(Upload.org_id == ctx.actor.org_id, Upload.id == id).returning(Upload.key)
    )
    ctx.record("document.deleted", PREFIX, id, before=before)
    ctx.enqueue(FORGET, {"keys": [document.key, *([staged] if staged else [])]})
    return id


async def _access(ctx: Ctx, id: UUID) -> Document:
    found = await ctx.session.scalar(select(Document).where(Document.org_id == ctx.actor.org_id, Document.id == id))
    if found is None:
        raise NotFoundError("There is no such document.")
    return found


def new_key(kind: str = "documents") -> str:
    """A key that nobody can guess, and that says nothing of whose it is."""
    return f"{kind}/{secrets.token_hex(24)}"
