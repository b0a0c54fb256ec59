"""/live over HTTP, and in a real browser through a restart of the server."""

import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest

from db.session import Database
from domain.context import Actor
from domain.events.reading import read_head
from graph.app import create_app
from runtime.servers.throwaway import Throwaway
from runtime.settings import Settings
from tests.conftest import Server, serving
from tests.edge.chromium import BINARY, Page, browsing
from tests.edge.test_graphiql import FILL
from tests.factories import identity
from tests.factories.collaboration import department, message
from tests.factories.identity import PASSWORD

TEXTS = "[...document.querySelectorAll('#messages .text')].map(each => each.textContent)"
NUMBERS = "[...document.querySelectorAll('#messages li')].map(each => Number(each.dataset.number))"
SEQUENCES = "[...document.querySelectorAll('#events li')].map(each => Number(each.dataset.sequence))"
STATUS = "document.querySelector('#status').dataset.state"
UNREAD = "[...document.querySelectorAll('#channels .unread')].map(each => each.textContent).join()"
# What a browser says of a server that is away.
AWAY = ("WebSocket connection to", "net::ERR_CONNECTION_REFUSED", "Failed to load resource")


async def test_the_page_allows_nothing_but_itself(http: httpx.AsyncClient) -> None:
    first, second = [await http.get("/live") for _ in range(2)]
    assert first.headers["content-type"] == "text/html; charset=utf-8"
    [policy] = first.headers.get_list("content-security-policy")
    nonce = re.findall(r"script-src 'nonce-([\w-]{20,})';", policy)[0]
    assert nonce not in second.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    scripts = re.findall(r"<script[^>]*>", first.text)
    assert len(scripts) == 3
    assert all(f'nonce="{nonce}"' in script and " src=" in script for script in scripts)
    assert not re.search(r"\son\w+=|\sstyle=|https?://|\{[\w-]+\.\w+\}", first.text)
    assert first.headers["cache-control"] == "no-store"
    urls = re.findall(r'(?:src|href)="(/static/[^"]+)"', first.text)
    assert len(urls) == 4
    for url in urls:
        answer = await http.get(url)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\b", answer.text)


@contextlib.contextmanager
def on(settings: Settings, port: int) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", port), backlog=2048) as bound, serving(create_app(settings), bound) as made:
        yield made


async def sign_in(page: Page, server: Server, email: str) -> None:
    await page.go(f"{server.url}/live")
    await page.until("typeof opsgraphSocket !== 'undefined' && document.readyState === 'complete'")
    await page.run(FILL % json.dumps({"email": email, "password": PASSWORD}))
    await page.until(f"{STATUS} === 'live'")


async def type_and_post(page: Page, text: str) -> None:
    await page.run(f"document.querySelector('#post textarea').value = {json.dumps(text)}")
    await page.run("document.querySelector('#post').requestSubmit()")


async def shows(page: Page, *texts: str) -> None:
    await page.until(
        f"JSON.stringify({TEXTS}.slice(-{len(texts)})) === {json.dumps(json.dumps(texts, separators=(',', ':')))}"
    )


@pytest.fixture
async def fresh(fresh_settings: Settings) -> AsyncIterator[Database]:
    database = Database(fresh_settings)
    yield database
    await database.close()


async def live(page: Page, db: Database, ours: Actor, hangar: UUID) -> None:
    """What is posted here or elsewhere appears; what is older comes when one scrolls back."""
    await page.until("document.querySelector('#presence li')?.dataset.state === 'ACTIVE'")
    await type_and_post(page, "<b>from the page</b>")
    await shows(page, "old 39", "<b>from the page</b>")
    await message(db, ours, "from elsewhere")
    await shows(page, "<b>from the page</b>", "from elsewhere")
    await message(db, Actor(ours.org_id, None, ours.permissions), "in the hangar", channel_id=hangar)
    await page.until(f"{UNREAD} === '1'")
    assert len(await page.run(TEXTS)) == 32  # a page of 30, and what came
    await page.run("document.querySelector('#messages').scrollTop = 0")
    await page.until(f"{NUMBERS}.length === 42")


async def nothing_lost(page: Page, db: Database, ours: Actor) -> None:
    """Every message and every event is there, once, in order."""
    await page.until(f"{STATUS} === 'live'")
    await message(db, ours, "afterwards")
    await shows(page, *(f"meanwhile {number}" for number in range(5)), "afterwards")
    assert await page.run(NUMBERS) == list(range(1, 49))
    last = await read_head(db, ours.org_id)
    await page.until(f"{SEQUENCES}[0] >= {last}")
    sequences: list[Any] = await page.run(SEQUENCES)
    assert sequences == list(range(sequences[0], sequences[-1] - 1, -1))
    assert sequences[0] - sequences[-1] >= 50


async def read_again(page: Page, db: Database, ours: Actor) -> None:
    """A restored log takes all cursors away."""
    await page.until(f"{NUMBERS}.length === 30 && {STATUS} === 'live'")
    await message(db, ours, "after all")
    await shows(page, "afterwards", "after all")
    assert await page.run(NUMBERS) == list(range(19, 50))


async def leave(page: Page, hangar: UUID) -> None:
    await page.run(f"document.querySelector('[data-channel=\"fch_{hangar}\"]').click()")
    await shows(page, "in the hangar")
    await page.until(f"{UNREAD} === ''")
    await page.run("document.querySelector('#sign-out').click()")
    await page.until("!document.querySelector('#sign-in').hidden")
    assert await page.run("document.querySelectorAll('main li').length + sessionStorage.length") == 0


async def only_look(page: Page, db: Database, ours: Actor, email: str) -> None:
    """Who may only look sees less, and says nothing."""
    await page.run(FILL % json.dumps({"email": email, "password": PASSWORD}))
    await page.until(f"{STATUS} === 'live'")
    await shows(page, "afterwards", "after all")
    assert await page.run("document.querySelector('#post').hidden && !document.querySelector('#no-events').hidden")
    assert await page.run("document.querySelectorAll('#channels button').length") == 1
    await message(db, ours, "seen by all")
    await shows(page, "after all", "seen by all")


@pytest.mark.skipif(BINARY is None, reason="Chromium is not installed: apt-get install chromium")
async def test_nothing_is_lost_or_doubled_by_a_restart(
    fresh_settings: Settings, fresh: Database, servers: Throwaway
) -> None:
    me = await identity.owner(fresh, fresh_settings)
    viewer = await identity.person(fresh, fresh_settings, me.org_id, "VIEWER")
    ours = await identity.actor(fresh, me)
    hangar = await department(fresh, ours, "Hangar")
    for number in range(40):
        await message(fresh, ours, f"old {number}")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    here = fresh_settings.model_copy(update={"public_url": f"http://127.0.0.1:{port}"})
    async with browsing() as page:
        with on(here, port) as server:
            await sign_in(page, server, me.email)
            await live(page, fresh, ours, hangar)
        await page.until(f"{STATUS} === 'waiting'")
        for number in range(5):
            await message(fresh, ours, f"meanwhile {number}")
        with on(here, port):
            await nothing_lost(page, fresh, ours)
            servers.postgres.psql("SELECT event_epoch_renew()", urlsplit(here.database_url).path[1:])
            await read_again(page, fresh, ours)
            await leave(page, hangar)
            await only_look(page, fresh, ours, viewer.email)
        assert [text for text in page.problems if not any(away in text for away in AWAY)] == []
        elsewhere = [url for url in page.urls if not url.startswith((server.url, "data:", "about:"))]
        assert elsewhere == []
