"""Files as an integrator sees them: staged, put, completed, downloaded; and everything that is refused on the way."""

import hashlib
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote
from uuid import UUID

import httpx
import pytest
from uuid_utils.compat import uuid7

from db.session import Database
from domain.context import Actor
from domain.files import documents, uploads
from runtime.settings import Settings
from runtime.storage import Storage
from tests.factories import files, identity, workforce
from tests.factories.api import Api
from tests.factories.files import CONTENTS, PDF, PNG
from tests.factories.fleet import command, events_of
from tests.factories.identity import Person

ERRORS = "errors { code message path }"
STAGE = f"""
mutation ($input: StageUploadInput!) {{ stageUpload(input: $input) {{ uploadId url expiresAt {ERRORS} }} }}
"""
COMPLETE = f"""
mutation ($id: ID!) {{
  completeUpload(id: $id) {{
    document {{ id name contentType size sha256 purpose uploader {{ name }} }} {ERRORS}
  }}
}}
"""
LINK = f"mutation ($id: ID!) {{ documentLink(id: $id) {{ url expiresAt {ERRORS} }} }}"
DELETE = f"mutation ($id: ID!) {{ deleteDocument(id: $id) {{ deletedId {ERRORS} }} }}"
NAME = "Prüfbericht “A”.pdf"


def announced(data: bytes = PDF, **values) -> dict:
    return {"name": NAME, "contentType": "application/pdf", "size": len(data), "purpose": "EVIDENCE"} | values


def staged_id(staged: dict) -> UUID:
    return UUID(staged["uploadId"][4:])


async def put(http: httpx.AsyncClient, url: str, data: bytes) -> int:
    return (await http.put(url, content=data)).status_code


async def test_from_a_staged_upload_to_a_download(api: Api, http: httpx.AsyncClient) -> None:
    staged = await api.done(STAGE, input=announced())
    assert staged["uploadId"].startswith("upl_")
    life = datetime.fromisoformat(staged["expiresAt"]) - datetime.now(UTC)
    assert timedelta(minutes=29) < life <= timedelta(minutes=30)
    assert await api.refusals(COMPLETE, id=staged["uploadId"]) == [("NOT_FOUND", ["id"])]
    assert await put(http, staged["url"], PDF) == 204
    document = (await api.done(COMPLETE, id=staged["uploadId"]))["document"]
    assert document.pop("id") == f"doc_{staged['uploadId'][4:]}"
    assert document == {
        "name": NAME,
        "contentType": "application/pdf",
        "size": len(PDF),
        "sha256": hashlib.sha256(PDF).hexdigest(),
        "purpose": "EVIDENCE",
        "uploader": {"name": "Pat Doe"},
    }
    link = await api.done(LINK, id=f"doc_{staged['uploadId'][4:]}")
    # What is put there now changes nothing that was taken.
    assert await put(http, staged["url"], PDF[:-1] + b"!") == 204
    again = (await api.done(COMPLETE, id=staged["uploadId"]))["document"]
    assert again["sha256"] == document["sha256"]
    answer = await http.get(link["url"])
    assert (answer.status_code, answer.content) == (200, PDF)
    headers = answer.headers
    assert headers["content-type"] == "application/pdf"
    assert headers["content-length"] == str(len(PDF))
    assert unquote(headers["content-disposition"]) == f"attachment; filename*=UTF-8''{NAME}"
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    assert headers["cache-control"] == "private, no-store"
    listed = await api.data('{ documents(where: {search: "prufbericht"}) { nodes { name } } }')
    assert listed == {"documents": {"nodes": [{"name": NAME}]}}


async def test_every_type_goes_through(api: Api, http: httpx.AsyncClient) -> None:
    for content_type, data in CONTENTS.items():
        ending = content_type.partition("/")[2]
        staged = await api.done(STAGE, input=announced(data, name=f"a.{ending}", contentType=content_type))
        assert await put(http, staged["url"], data) == 204
        assert (await api.done(COMPLETE, id=staged["uploadId"]))["document"]["contentType"] == content_type


async def test_what_is_refused_at_each_step(api: Api, http: httpx.AsyncClient) -> None:
    wrong = announced(name="logo.exe", contentType="text/html", size=0, purpose="CERTIFICATE")
    assert await api.refusals(STAGE, input=wrong) == [
        ("NOT_ALLOWED", ["input", "purpose"]),
        ("INVALID", ["input", "contentType"]),
        ("OUT_OF_RANGE", ["input", "size"]),
    ]
    staged = await api.done(STAGE, input=announced())
    for data, status in ((PDF + b"x", 413), (PDF[:-1], 413), (b"", 413)):
        assert await put(http, staged["url"], data) == status

    async def unannounced(data: bytes):
        for place in range(0, len(data), 16):
            yield data[place : place + 16]

    for data, status in ((PDF * 2, 413), (PDF[:-1], 400)):
        assert (await http.put(staged["url"], content=unannounced(data))).status_code == status
    assert (await http.put(staged["url"], content=unannounced(PDF))).status_code == 204
    # A picture under the name of a PDF, as large as was announced.
    staged = await api.done(STAGE, input=announced(PNG))
    assert await put(http, staged["url"], PNG) == 204
    assert await api.refusals(COMPLETE, id=staged["uploadId"]) == [("INVALID", ["id"])]
    assert await api.code(COMPLETE, id=f"upl_{uuid7()}") == "NOT_FOUND"
    assert await api.code(LINK, id=f"doc_{uuid7()}") == "NOT_FOUND"


async def test_addresses_are_good_for_what_they_were_given_for(
    api: Api, http: httpx.AsyncClient, db: Database, actor: Actor, settings: Settings
) -> None:
    staged = await api.done(STAGE, input=announced())
    url = staged["url"]
    assert (await http.get(url)).status_code == 403
    body, _, signature = url.rpartition("/")[2].partition(".")
    for token in (body, f"{body}.", f"{body}.{signature[:-2]}AA", f"x{body}.{signature}", f".{signature}", "ä"):
        answer = await http.put(f"{url.rpartition('/')[0]}/{token}", content=PDF)
        assert answer.status_code == 403
        assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert (await http.post(url)).status_code == 405
    late = await Storage(settings).upload_url("staged/x", 3, datetime.now(UTC) - timedelta(hours=1), uploads.LIFE)
    assert (await http.put(late, content=b"abc")).json()["errors"][0]["message"].endswith("ask for a new one.")
    gone = await Storage(settings).download_url(
        "documents/none", datetime.now(UTC), documents.LINK_LIFE, name="a.pdf", content_type="application/pdf"
    )
    assert (await http.get(gone)).status_code == 404
    preflight = await http.options(url)
    assert "PUT" in preflight.headers["allow"]
    # Too late: what has arrived is not taken any more.
    assert await put(http, url, PDF) == 204
    async with command(db, actor, now=datetime.now(UTC) + timedelta(minutes=31)) as ctx:
        with pytest.raises(Exception, match="not completed in time"):
            await uploads.complete(ctx, staged_id(staged))


async def test_what_the_platform_draws_is_looked_at(api: Api, http: httpx.AsyncClient) -> None:
    damaged = PNG[: len(PNG) // 2]
    asset, evidence = [
        await api.done(STAGE, input=announced(damaged, name="a.png", contentType="image/png", purpose=purpose))
        for purpose in ("ASSET", "EVIDENCE")
    ]
    for staged in (asset, evidence):
        await put(http, staged["url"], damaged)
    assert await api.refusals(COMPLETE, id=asset["uploadId"]) == [("INVALID", ["id"])]
    assert (await api.done(COMPLETE, id=evidence["uploadId"]))["document"]["size"] == len(damaged)


async def test_who_may_do_what(
    api: Api, http: httpx.AsyncClient, db: Database, settings: Settings, owner: Person, stranger: Actor
) -> None:
    technician = api.as_((await identity.person(db, settings, owner.org_id, "TECHNICIAN")).token)
    staged = await technician.done(STAGE, input=announced())
    assert await put(http, staged["url"], PDF) == 204
    assert await api.code(COMPLETE, id=staged["uploadId"]) == "NOT_FOUND"  # only who staged it
    document = (await technician.done(COMPLETE, id=staged["uploadId"]))["document"]
    assert (await technician.done(LINK, id=document["id"]))["url"]
    assert await technician.code(DELETE, id=document["id"]) == "FORBIDDEN"
    logo = announced(PNG, name="logo.png", contentType="image/png", purpose="ASSET")
    assert await technician.code(STAGE, input=logo) == "FORBIDDEN"
    assert (await api.done(STAGE, input=logo))["url"]
    viewer = api.as_((await identity.person(db, settings, owner.org_id, "VIEWER")).token)
    assert await viewer.code(STAGE, input=announced()) == "FORBIDDEN"
    assert (await viewer.done(LINK, id=document["id"]))["url"]
    async with command(db, stranger) as ctx:
        with pytest.raises(Exception, match="no such document"):
            await documents.link(ctx, staged_id(staged))


async def test_a_document_is_deleted_while_nothing_refers_to_it(
    api: Api, http: httpx.AsyncClient, db: Database, actor: Actor, settings: Settings
) -> None:
    assert actor.user_id
    used = await files.document(db, actor)
    await workforce.training(db, actor, actor.user_id, await workforce.course(db, actor), evidence_id=used)
    assert await api.refusals(DELETE, id=f"doc_{used}") == [("IN_USE", ["id"])]
    staged = await api.done(STAGE, input=announced())
    await put(http, staged["url"], PDF)
    document_id = (await api.done(COMPLETE, id=staged["uploadId"]))["document"]["id"]
    assert (await api.done(DELETE, id=document_id))["deletedId"] == document_id
    assert [event.type for event in await events_of(db, staged_id(staged))] == ["document.created", "document.deleted"]
    assert await api.code(COMPLETE, id=staged["uploadId"]) == "NOT_FOUND"
