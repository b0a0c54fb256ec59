"""Certificates from the closed card to the verified PDF, as people, workers and the public see them."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import orjson
import pikepdf
import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError

import workers.service  # noqa: F401 - registers the jobs
from db.events.jobs import Job
from db.files.documents import Document
from db.maintenance.releases import CertificateForm, ComponentWork, Release, SigningKey
from db.session import Database
from domain.fleet import components
from domain.maintenance import certifying, releases, work_orders
from domain.maintenance.releases import JOB, Texts
from domain.maintenance.verification import ADDRESS
from graph.core import ids
from runtime.sealing import new_key
from runtime.settings import Settings
from tests.factories import fleet, identity, work
from tests.factories.api import Api
from tests.factories.fleet import events_of
from tests.factories.work import Crew
from tests.files.test_graph import LINK
from workers.jobs import REGISTRY, JobContext
from workers.queue import MAX_RUNNING

ERRORS = "errors { code message path }"
SHOWN = """
id number form status releasedOn totalMinutes totalCycles limitations incompleteWork content verificationPath
aircraft { registration } workOrder { number status } signatory { id } authorisation { number } document { id name }
component { partNumber } supersedes { number } supersededBy { number } revocation { reason revokedBy { id } }
"""


def mutation(name: str, input: str) -> str:
    return f"mutation ($input: {input}!) {{ {name}(input: $input) {{ release {{ {SHOWN} }} {ERRORS} }} }}"


RELEASE = mutation("releaseAircraft", "ReleaseAircraftInput")
COMPONENT = mutation("releaseComponent", "ReleaseComponentInput")
REVOKE = mutation("revokeRelease", "RevokeReleaseInput")
SERIES = f"""mutation ($input: SetNumberSeriesInput!) {{ setNumberSeries(input: $input) {{
    numberSeries {{ id form prefix digits lastNumber version }} {ERRORS} }} }}"""
VERIFY = "query ($number: String!, $token: String!) { verifyCertificate(number: $number, token: $token) }"


async def ready(db: Database, crew: Crew) -> UUID:
    """A work order whose work is done and certified: it awaits the release of the aircraft."""
    order, [card] = await work.work_order(db, crew)
    await work.done(db, crew, card)
    async with fleet.command(db, crew.planner) as ctx:
        await work_orders.complete(ctx, order)
    return order


async def run_jobs(db: Database, settings: Settings, org_id: UUID, times: int = 1) -> list[Any]:
    """What a worker does with the organization's certificates: each job so many times, as many as it takes at once."""
    async with db.platform() as session:
        asked = (await session.scalars(select(Job).where(Job.org_id == org_id, Job.kind == JOB))).all()
    handler = REGISTRY[JOB].handler
    turn = asyncio.Semaphore(MAX_RUNNING)

    async def run(job: Job, attempt: int) -> Any:
        async with turn:
            return await handler(JobContext(job.id, org_id, attempt, db, None, settings), job.arguments)

    runs = [run(job, attempt) for job in asked for attempt in range(times)]
    return await asyncio.gather(*runs, return_exceptions=True)


async def component(db: Database, crew: Crew, serial: str) -> UUID:
    async with fleet.command(db, crew.planner) as ctx:
        return await components.register(
            ctx, part_number="8410-3", serial_number=serial, description="Fuel pump", opening_minutes=61
        )


def series(**values: Any) -> dict[str, Any]:
    return {
        "form": "CRS",
        "prefix": "crs-",
        "organizationName": "Skyline Maintenance",
        "address": "Hangar 4\nLisbon",
        "authority": "EASA / Portugal",
        "approvalReference": "PT.145.0123",
    } | values


RELEASED = f"""query ($id: ID!) {{ release(id: $id) {{ {SHOWN} history {{ nodes {{ type }} }} }}
    signingKeys {{ nodes {{ origin subject chain retiredAt }} }} numberSeriesList {{ nodes {{ lastNumber }} }} }}"""


async def test_from_the_closed_card_to_the_verified_certificate(
    http: httpx.AsyncClient, db: Database, settings: Settings, crew: Crew, planner: Api
) -> None:
    order = ids.encode("wo", await ready(db, crew))
    certifier, nobody = planner.as_(crew.certifier.token), planner.as_(None)
    given = {"workOrderId": order, "limitations": " No RVSM \n Day VFR ", "remarks": ""}
    assert await certifier.refusals(RELEASE, input=given) == [("REQUIRED", ["input"])]
    made = await planner.done(SERIES, input=series())
    assert made["numberSeries"] | {"id": ""} == {
        "id": "", "form": "CRS", "prefix": "CRS-", "digits": 6, "lastNumber": 0, "version": 1,
    }  # fmt: skip
    found = (await certifier.done(RELEASE, input=given))["release"]
    assert (found["number"], found["form"], found["status"]) == ("CRS-000001", "CRS", "ISSUED")
    assert (found["totalMinutes"], found["totalCycles"]) == (600, 40)
    assert (found["limitations"], found["incompleteWork"], found["document"]) == ("No RVSM\nDay VFR", None, None)
    assert found["workOrder"]["status"] == "RELEASED"
    content = found["content"]
    assert content["work"][0] | {"doneOn": ""} == {
        "number": "1", "title": "Change wheel 1", "reference": None, "doneOn": "", "notDone": None,
    }  # fmt: skip
    assert content["signatory"]["id"] == found["signatory"]["id"] == ids.encode("usr", crew.certifier.user_id)
    assert content["signatory"]["authorisation"] == found["authorisation"]["number"]

    assert [result.keys() for result in await run_jobs(db, settings, crew.org_id, times=3)] == [{"document_id"}] * 3
    await _made(http, planner, settings, found)
    path = found["verificationPath"]
    await _verified(http, planner, path)

    again = await certifier.refusals(RELEASE, input={"workOrderId": order})
    assert again == [("NOT_ALLOWED", ["input", "supersedesId"]), ("NOT_ALLOWED", ["input", "workOrderId"])]
    second = (await certifier.done(RELEASE, input={"workOrderId": order, "supersedesId": found["id"]}))["release"]
    assert (second["number"], second["supersedes"]["number"]) == ("CRS-000002", "CRS-000001")
    assert second["content"]["supersedes"] == "CRS-000001"
    await _looks(http, nobody, path, "SUPERSEDED", 200)
    assert await planner.refusals(REVOKE, input={"id": found["id"], "reason": " "}) == [
        ("NOT_ALLOWED", ["input", "id"]),
        ("REQUIRED", ["input", "reason"]),
    ]
    revoked = (await planner.done(REVOKE, input={"id": second["id"], "reason": "Wrong wheel"}))["release"]
    assert revoked["revocation"] == {
        "reason": "Wrong wheel",
        "revokedBy": {"id": ids.encode("usr", crew.owner.user_id)},
    }
    await _looks(http, nobody, second["verificationPath"], "REVOKED", 200)
    third = (await certifier.done(RELEASE, input={"workOrderId": order, "supersedesId": second["id"]}))["release"]
    first = (await planner.data(RELEASED, id=found["id"]))["release"]
    assert (third["number"], first["supersededBy"]["number"]) == ("CRS-000003", "CRS-000002")
    assert first["status"] == "SUPERSEDED"
    assert (await planner.data(RELEASED, id=second["id"]))["release"]["status"] == "REVOKED"
    assert [node["type"] for node in first["history"]["nodes"]] == [
        "release.superseded", "release.certified", "release.created",
    ]  # fmt: skip


async def _made(http: httpx.AsyncClient, planner: Api, settings: Settings, found: Any) -> None:
    """The certificate has its document, with its data in it and a signature."""
    seen = await planner.data(RELEASED, id=found["id"])
    document = seen["release"]["document"]
    assert document["name"] == "CRS-000001.pdf"
    assert [node["lastNumber"] for node in seen["numberSeriesList"]["nodes"]] == [1]
    [key] = seen["signingKeys"]["nodes"]
    assert (key["origin"], key["retiredAt"]) == ("OWN_CA", None)
    answer = await http.get((await planner.done(LINK, id=document["id"]))["url"])
    assert answer.content.startswith(b"%PDF-1.7")
    (folder := settings.data_dir / "certificate.pdf").write_bytes(answer.content)
    with pikepdf.open(folder) as pdf:
        attached = pdf.attachments["certificate.json"].get_file().read_bytes()
        assert pdf.Root.AcroForm.Fields[0].V.SubFilter == "/ETSI.CAdES.detached"
    assert orjson.loads(attached) == found["content"]


async def _verified(http: httpx.AsyncClient, planner: Api, path: str) -> None:
    """The page and the query say that it is genuine, to who has number and token."""
    nobody = planner.as_(None)
    _, _, number, token = path.split("/")
    await _looks(http, nobody, path, "GENUINE", 200)
    assert (await nobody.data(VERIFY, number=number.lower(), token=token))["verifyCertificate"] == "GENUINE"
    for wrong in ((number, token[:-1] + "!"), ("CRS-000002", token), (number, ""), ("", "ß\U0001f642")):
        variables = dict(zip(("number", "token"), wrong, strict=True))
        assert (await nobody.data(VERIFY, **variables))["verifyCertificate"] == "UNKNOWN"
    # Beside compiled fields it works as well, and it says nothing about anything else.
    both = (
        "query ($number: String!, $token: String!) { viewer { id } verifyCertificate(number: $number, token: $token) }"
    )
    assert (await planner.data(both, number=number, token=token))["verifyCertificate"] == "GENUINE"
    assert await nobody.code(both, number=number, token=token) == "UNAUTHENTICATED"


async def _looks(http: httpx.AsyncClient, nobody: Api, path: str, status: str, code: int) -> None:
    page = await http.get(path)
    _, _, number, token = path.split("/")
    assert page.status_code == code
    assert f'data-status="{status}"' in page.text
    assert (await nobody.data(VERIFY, number=number, token=token))["verifyCertificate"] == status
    assert number in page.text
    assert token not in page.text


async def test_the_page_allows_nothing_and_repeats_nothing(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await http.get("/verify/%3Cscript%3Ealert(1)%3C%2Fscript%3E/x")
    assert page.status_code == 404
    page = await http.get("/verify/%3Cb%3E/x")
    assert (page.status_code, page.headers["cache-control"]) == (404, "no-store")
    assert 'data-status="UNKNOWN"' in page.text
    assert not re.search(r"<b>|&lt;b|<script|\sstyle=|https?://|\{[\w-]+\}", page.text)
    [policy] = page.headers.get_list("content-security-policy")
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    [sheet] = re.findall(r'href="(/static/[^"]+)"', page.text)
    assert (await http.get(sheet)).headers["content-type"] == "text/css; charset=utf-8"
    # Who guesses is soon told to wait; tests come from one address, so the limit is a small one here, for a moment.
    monkeypatch.setattr("graph.verification.ADDRESS", ADDRESS.__class__("verify:test", 2, timedelta(minutes=5)))
    codes = [(await http.get("/verify/A/b")).status_code for _ in range(3)]
    assert codes == [404, 404, 429]


async def test_every_reason_is_listed(db: Database, settings: Settings, releasing: Crew, planner: Api) -> None:
    order, [first, _] = await work.work_order(db, releasing, {}, {"title": "Rig", "inspection_required": True})
    await work.done(db, releasing, first)
    async with fleet.command(db, releasing.planner) as ctx:
        await work_orders.cancel(ctx, (await work.work_order(db, releasing))[0], reason="Twice")
    newcomer = await identity.person(db, settings, releasing.org_id, "CERTIFYING_ENGINEER")
    given = {"workOrderId": ids.encode("wo", order), "limitations": "x" * 4001, "remarks": "a\x07b"}
    answer = await planner.as_(newcomer.token).data(RELEASE, input=given)
    said = [(error["path"], error["message"]) for error in answer["releaseAircraft"]["errors"]]
    expected = [
        (["input", "workOrderId"], "IN_PROGRESS"),
        (["input", "workOrderId"], r"card 2 \(Rig\) is OPEN"),
        (["input", "workOrderId"], r"card 2 \(Rig\) lacks its required inspection"),
        (["input", "remarks"], "cannot be printed"),
        (["input", "limitations"], "4001 characters"),
        (["input"], "no authorisation"),
    ]
    assert len(said) == len(expected), said
    for (path, message), (wanted, pattern) in zip(said, expected, strict=True):
        assert path == wanted
        assert re.search(pattern, message), message
    assert await _count(db, Release, releasing) == 0
    technician = await identity.person(db, settings, releasing.org_id, "TECHNICIAN")
    assert await planner.as_(technician.token).code(RELEASE, input=given) == "FORBIDDEN"
    elsewhere = await identity.owner(db, settings)
    assert await planner.as_(elsewhere.token).code(RELEASE, input=given) == "NOT_FOUND"


async def test_components_take_a_form(db: Database, settings: Settings, releasing: Crew, planner: Api) -> None:
    certifier = planner.as_(releasing.certifier.token)
    pump = ids.encode("cmp", await component(db, releasing, "A17"))
    given = {"componentId": pump, "form": "EASA_FORM_1", "work": "REPAIRED", "remarks": "Repaired per CMM 28-20-01."}
    order, _ = await work.work_order(db, releasing)
    refused = given | {"form": "CRS", "remarks": " ", "workOrderId": f"wo_{order}", "supersedesId": f"crs_{order}"}
    assert [tuple(path[1:]) for _, path in await certifier.refusals(COMPONENT, input=refused)] == [
        ("form",), ("workOrderId",), ("supersedesId",), ("remarks",),
    ]  # fmt: skip
    first = (await certifier.done(COMPONENT, input=given))["release"]
    assert (first["number"], first["aircraft"], first["component"]["partNumber"]) == ("F1-0001", None, "8410-3")
    assert first["content"]["blocks"]["12"] == "Repaired per CMM 28-20-01.\nSince new: 1:01 hours, 0 cycles."
    other = given | {"form": "FAA_8130_3", "supersedesId": first["id"]}
    second = (await certifier.done(COMPONENT, input=other))["release"]
    assert (second["number"], second["supersedes"]["number"]) == ("US-0001", "F1-0001")
    uncertified = [path for _, path in await planner.refusals(COMPONENT, input=given)]
    assert uncertified == [["input"]]


async def test_series_keep_numbers_apart(db: Database, settings: Settings, crew: Crew, planner: Api) -> None:
    await planner.done(SERIES, input=series())
    assert await planner.refusals(SERIES, input=series(form="EASA_FORM_1", prefix="CRS-")) == [
        ("TAKEN", ["input", "prefix"])
    ]
    bad = series(prefix="CRS1", digits=12, address=" ", authority="", logoId="doc_" + str(crew.org_id))
    assert {path[1] for _, path in await planner.refusals(SERIES, input=bad)} == {
        "prefix", "digits", "address", "authority", "logoId",
    }  # fmt: skip
    changed = await planner.done(SERIES, input=series(prefix="LIS-", digits=3))
    assert changed["numberSeries"] | {"id": ""} == {
        "id": "", "form": "CRS", "prefix": "LIS-", "digits": 3, "lastNumber": 0, "version": 2,
    }  # fmt: skip
    again = await planner.done(SERIES, input=series(prefix="LIS-", digits=3))
    assert again["numberSeries"]["version"] == 2
    series_id = UUID(changed["numberSeries"]["id"][3:])
    recorded = [event.type for event in await events_of(db, series_id)]
    assert recorded == ["number_series.created", "number_series.updated"]


async def test_parallel_releases_leave_no_gap(
    db: Database, settings: Settings, releasing: Crew, request: pytest.FixtureRequest
) -> None:
    """In one organization at once, some of them refused or rolled back; each has one PDF, though its job runs twice."""
    many = 200 if request.config.getoption("thorough") else 10
    pumps = [await component(db, releasing, f"S{number}") for number in range(many)]
    actor = await identity.actor(db, releasing.certifier)

    async def release(number: int, pump: UUID) -> UUID | None:
        try:
            async with fleet.command(db, actor) as ctx:
                id = await releases.release_component(
                    ctx,
                    component_id=pump,
                    form=CertificateForm.EASA_FORM_1,
                    work=ComponentWork.INSPECTED_TESTED,
                    said=Texts(remarks=f"Tested, number {number}."),
                )
                if number % 5 == 3:
                    raise InterruptedError("The connection is lost before the commit.")
                return id
        except InterruptedError:
            return None

    made = await asyncio.gather(*(release(number, pump) for number, pump in enumerate(pumps)))
    kept = [id for id in made if id is not None]
    assert len(kept) == many - len([n for n in range(many) if n % 5 == 3])
    async with db.tenant(releasing.org_id) as session:
        numbers = (await session.scalars(select(Release.number).order_by(Release.number))).all()
    assert numbers == [f"F1-{number:04d}" for number in range(1, len(kept) + 1)]
    await run_jobs(db, settings, releasing.org_id, times=2)
    await run_jobs(db, settings, releasing.org_id)
    async with db.tenant(releasing.org_id) as session:
        documents = (await session.scalars(select(Release.document_id))).all()
    assert None not in documents
    assert len(set(documents)) == len(kept) == await _count(db, Document, releasing)
    assert await _count(db, SigningKey, releasing) == 1


async def test_a_worker_that_fails_loses_nothing(db: Database, settings: Settings, releasing: Crew) -> None:
    actor = await identity.actor(db, releasing.certifier)
    pump = await component(db, releasing, "B1")
    async with fleet.command(db, actor) as ctx:
        id = await releases.release_component(
            ctx,
            component_id=pump,
            form=CertificateForm.EASA_FORM_1,
            work=ComponentWork.OVERHAULED,
            said=Texts(remarks="Overhauled."),
        )
    # As a worker without the key that sealed: what it tries comes to nothing, and leaves nothing.
    async with fleet.command(db, releasing.planner) as ctx:
        await certifying.signing_keys.renew(ctx)
    keyless = Database(settings.model_copy(update={"encryption_keys": type(settings.secret_key)(new_key())}))
    [problem] = await run_jobs(keyless, settings, releasing.org_id)
    await keyless.close()
    assert "ENCRYPTION_KEYS" in str(problem)
    assert await _count(db, Document, releasing) == 0
    later = datetime.now(UTC) + timedelta(hours=2)
    async with db.platform() as session:
        assert await _asked(session, releasing) == 1
        await certifying.ask_again(session, later)
        assert await _asked(session, releasing) == 1, "the job is still waiting"
        await session.execute(update(Job).where(Job.org_id == releasing.org_id, Job.kind == JOB).values(state="FAILED"))
        await certifying.ask_again(session, later)
        assert await _asked(session, releasing) == 2
    await run_jobs(db, settings, releasing.org_id)
    async with db.tenant(releasing.org_id) as session:
        assert await session.scalar(select(Release.document_id).where(Release.id == id))


async def _asked(session: Any, crew: Crew) -> int:
    return int(await session.scalar(select(func.count()).where(Job.org_id == crew.org_id, Job.kind == JOB)))


async def _count(db: Database, model: Any, crew: Crew) -> int:
    async with db.tenant(crew.org_id) as session:
        return int(await session.scalar(select(func.count()).select_from(model)) or 0)


async def test_what_was_issued_stays(db: Database, releasing: Crew, planner: Api) -> None:
    """For requests by grants, for the owner of the database by a trigger."""
    order = ids.encode("wo", await ready(db, releasing))
    made = (await planner.as_(releasing.certifier.token).done(RELEASE, input={"workOrderId": order}))["release"]
    await planner.done(REVOKE, input={"id": made["id"], "reason": "A mistake"})
    changes = (
        "UPDATE releases SET number = 'X'",
        "UPDATE releases SET content = '{}'",
        "DELETE FROM releases",
        "TRUNCATE releases CASCADE",
        "UPDATE release_revocations SET reason = 'no'",
        "DELETE FROM release_revocations",
    )
    for statement in changes:
        with pytest.raises(DBAPIError, match="permission denied"):
            async with db.tenant(releasing.org_id) as session:
                await session.execute(text(statement))
    with pytest.raises(DBAPIError, match="stay as they were issued"):
        async with db.tenant(releasing.org_id) as session:
            await session.execute(text("UPDATE releases SET status = 'ISSUED'"))
