"""What is left behind is swept away; and a bucket over HTTP in place of the folder."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select, text

from db.files.documents import Document, DocumentPurpose
from db.files.uploads import Upload
from db.session import Database
from domain.context import Actor
from domain.errors import UserErrors
from domain.files import documents, uploads
from runtime.settings import Settings
from runtime.storage import Storage, storage
from tests.factories.files import PDF, PNG
from tests.factories.fleet import command
from workers.files.documents import forget
from workers.jobs import JobContext

LATER = timedelta(hours=7)


async def staged(db: Database, actor: Actor, data: bytes = PDF) -> uploads.Staged:
    async with command(db, actor) as ctx:
        return await uploads.stage(
            ctx, name="a.pdf", content_type="application/pdf", size=len(data), purpose=DocumentPurpose.EVIDENCE
        )


async def keys_of(db: Database, actor: Actor, id: UUID) -> tuple[str | None, str | None]:
    """Where an upload's content was put, and where that of its document is."""
    async with db.tenant(actor.org_id, actor.user_id) as session:
        return (
            await session.scalar(select(Upload.key).where(Upload.id == id)),
            await session.scalar(select(Document.key).where(Document.id == id)),
        )


async def test_unfinished_uploads_are_swept_and_documents_stay(db: Database, actor: Actor) -> None:
    store = storage()
    finished, abandoned, failed = [await staged(db, actor) for _ in range(3)]
    for each in (finished, abandoned, failed):
        key, _ = await keys_of(db, actor, each.id)
        assert key
        await store.put(key, PDF, name="", content_type="")
    async with command(db, actor) as ctx:
        await uploads.complete(ctx, finished.id)
    with contextlib.suppress(ZeroDivisionError):
        async with command(db, actor) as ctx:
            await uploads.complete(ctx, failed.id)
            raise ZeroDivisionError  # after the content was written, before the commit
    left = [await keys_of(db, actor, each.id) for each in (finished, abandoned, failed)]
    await uploads.sweep(db, datetime.now(UTC))
    assert [await keys_of(db, actor, each.id) for each in (finished, abandoned, failed)] == left
    await uploads.sweep(db, datetime.now(UTC) + LATER)
    async with db.tenant(actor.org_id, actor.user_id) as session:
        assert (await session.scalars(select(Upload.id))).all() == []
    kept = left[0][1]
    assert kept
    assert await store.size(kept) == len(PDF)
    for key, _ in left:
        assert key
        assert await store.size(key) is None
    assert await store.size(f"documents/{left[2][0].removeprefix('staged/')}") is None


async def test_the_content_of_a_deleted_document_goes_once_that_is_certain(
    db: Database, actor: Actor, settings: Settings
) -> None:
    async with command(db, actor) as ctx:
        id = await documents.store(
            ctx, name="a.pdf", content_type="application/pdf", data=PDF, purpose=DocumentPurpose.CERTIFICATE
        )
        assert await documents.read(ctx, id) == ("application/pdf", PDF)
        await documents.check(ctx, id, DocumentPurpose.CERTIFICATE)
        for purpose in (DocumentPurpose.EVIDENCE, DocumentPurpose.ASSET):
            with pytest.raises(UserErrors, match="was uploaded for CERTIFICATE"):
                await documents.check(ctx, id, purpose)
        with pytest.raises(UserErrors, match="not application/pdf"):
            await documents.store(
                ctx, name="a.pdf", content_type="application/pdf", data=PNG, purpose=DocumentPurpose.CERTIFICATE
            )
    _, key = await keys_of(db, actor, id)
    assert key
    async with command(db, actor) as ctx:
        await documents.delete(ctx, id)
    assert await storage().size(key) == len(PDF)
    query = text("SELECT arguments FROM jobs WHERE org_id = :org AND kind = 'files.forget'")
    async with db.platform() as session:
        arguments = await session.scalar(query, {"org": actor.org_id})
    for attempt in (1, 2):
        await forget(JobContext(id, actor.org_id, attempt, db, None, settings), arguments)
    assert await storage().size(key) is None


@pytest.fixture
def bucket() -> Iterator[str]:
    """The address of a server that speaks S3, with an empty bucket."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env=os.environ | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                if httpx.put(f"{url}/opsgraph-files").status_code == 200:
                    break
            except httpx.TransportError:
                assert time.monotonic() < deadline, "The S3 server did not start."
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)


async def test_a_bucket(
    db: Database, actor: Actor, settings: Settings, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same commands on S3: its own signed addresses, staged content that is swept, a download to be saved."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": bucket,
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    store = Storage(settings.model_copy(update={"files_url": "s3://opsgraph-files/prefix"}))
    for module in (uploads, documents):
        monkeypatch.setattr(module, "storage", lambda: store)
    upload = await staged(db, actor)
    assert upload.url.startswith(f"{bucket}/opsgraph-files/prefix/staged/")
    async with httpx.AsyncClient() as http:
        async with command(db, actor) as ctx:
            with pytest.raises(UserErrors, match="Nothing has arrived"):
                await uploads.complete(ctx, upload.id)
        assert (await http.put(upload.url, content=PDF + b"x")).status_code == 200
        async with command(db, actor) as ctx:
            with pytest.raises(UserErrors, match="PUT the whole file again"):
                await uploads.complete(ctx, upload.id)
        assert (await http.put(upload.url, content=PDF)).status_code == 200
        async with command(db, actor) as ctx:
            id = await uploads.complete(ctx, upload.id)
            link = await documents.link(ctx, id)
        answer = await http.get(link.url)
    assert (answer.content, answer.headers["content-type"]) == (PDF, "application/pdf")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''a.pdf"
    key, kept = await keys_of(db, actor, id)
    assert key
    assert kept
    await uploads.sweep(db, datetime.now(UTC) + LATER, store)
    assert (await store.size(key), await store.size(kept)) == (None, len(PDF))
    async with command(db, actor) as ctx:
        assert await documents.read(ctx, id) == ("application/pdf", PDF)
    await store.delete(kept)
    await store.delete(kept)
    assert await store.size(kept) is None
