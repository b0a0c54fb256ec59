"""The logo on a certificate."""

import io

import httpx
import pikepdf
import pytest

from db.session import Database
from graph.core import ids
from runtime.settings import Settings
from tests.factories.api import Api
from tests.factories.files import PNG
from tests.factories.work import Crew
from tests.files.test_graph import COMPLETE, DELETE, LINK, STAGE
from tests.maintenance.releases.test_releases import RELEASE, RELEASED, SERIES, ready, run_jobs, series


def pictures_in(pdf: bytes) -> int:
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        return sum(len(page.get_images()) for page in opened.pages)


@pytest.mark.parametrize("gone", [False, True], ids=["kept", "replaced and deleted before the worker came"])
async def test_the_logo(
    http: httpx.AsyncClient, db: Database, settings: Settings, crew: Crew, planner: Api, gone: bool
) -> None:
    """It is drawn while it is there; the certificate does not wait for one that is gone."""
    logo = {"name": "logo.png", "contentType": "image/png", "size": len(PNG), "purpose": "ASSET"}
    staged = await planner.done(STAGE, input=logo)
    await http.put(staged["url"], content=PNG)
    document = (await planner.done(COMPLETE, id=staged["uploadId"]))["document"]["id"]
    await planner.done(SERIES, input=series(logoId=document))
    certifier = planner.as_(crew.certifier.token)
    order = ids.encode("wo", await ready(db, crew))
    found = (await certifier.done(RELEASE, input={"workOrderId": order}))["release"]
    assert found["content"]["logo"] == document
    assert await planner.refusals(DELETE, id=document) == [("IN_USE", ["id"])]
    if gone:
        await planner.done(SERIES, input=series(logoId=None))
        await planner.done(DELETE, id=document)
    await run_jobs(db, settings, crew.org_id)
    made = (await planner.data(RELEASED, id=found["id"]))["release"]["document"]
    answer = await http.get((await planner.done(LINK, id=made["id"]))["url"])
    assert pictures_in(answer.content) == (0 if gone else 1)
