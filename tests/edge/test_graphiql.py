"""GraphiQL at /graphql: its page and files over HTTP, and all of it in a real browser."""

import json
import re
from typing import Any

import httpx
import pytest

from db.session import Database
from runtime.settings import Settings
from tests.conftest import Server
from tests.edge.chromium import BINARY, Page, browsing
from tests.factories.events import write
from tests.factories.identity import PASSWORD, owner

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


class TestPage:
    async def test_only_what_carries_the_nonce_runs(self, http: httpx.AsyncClient) -> None:
        first, second = [await http.get("/graphql", headers={"accept": BROWSER}) for _ in range(2)]
        assert first.headers["content-type"] == "text/html; charset=utf-8"
        policy = first.headers["content-security-policy"]
        nonce = re.findall(r"script-src 'nonce-([\w-]{20,})';", policy)[0]
        assert nonce not in second.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "*" not in policy
        scripts = re.findall(r"<script[^>]*>", first.text)
        assert len(scripts) == 5
        assert all(f'nonce="{nonce}"' in script and " src=" in script for script in scripts)
        assert not re.search(r"\son\w+=|https?://", first.text)
        assert first.headers["cache-control"] == "no-store"
        assert first.headers["vary"] == "accept, accept-encoding, authorization"

    @pytest.mark.parametrize(
        ("accept", "html"),
        [
            (BROWSER, True),
            ("text/html", True),
            ("text/html;q=0.9, application/json;q=0.5", True),
            ("application/json, text/html", False),
            ("text/html;q=0.5, */*", False),
            ("text/html;q=0", False),
            ("text/*", False),
            ("*/*", False),
            ("application/graphql-response+json", False),
        ],
    )
    async def test_it_is_for_browsers(self, http: httpx.AsyncClient, accept: str, html: bool) -> None:
        answer = await http.get("/graphql", params={"query": "{__typename}"}, headers={"accept": accept})
        assert answer.headers["content-type"].startswith("text/html") == html

    async def test_a_post_is_never_answered_with_it(self, http: httpx.AsyncClient) -> None:
        answer = await http.post("/graphql", json={"query": "{__typename}"}, headers={"accept": BROWSER})
        assert answer.json() == {"data": {"__typename": "Query"}}

    async def test_files_are_kept_for_ever_at_their_version(self, http: httpx.AsyncClient) -> None:
        page = (await http.get("/graphql", headers={"accept": BROWSER})).text
        urls = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
        assert len(urls) == 7
        for url in urls:
            answer = await http.get(url, headers={"accept-encoding": "gzip, br"})
            assert answer.headers["content-encoding"] == "br"
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert answer.headers["vary"] == "Accept-Encoding"
            assert answer.headers["x-content-type-options"] == "nosniff"
            plain = await http.get(url.partition("?")[0], headers={"accept-encoding": "identity"})
            assert plain.headers["cache-control"] == "no-cache"
            assert plain.content == answer.content
            assert plain.headers["etag"] != answer.headers["etag"]
            for known in (plain.headers["etag"], f'"x", W/{plain.headers["etag"]}', "*"):
                again = await http.get(url, headers={"accept-encoding": "identity", "if-none-match": known})
                assert (again.status_code, again.content) == (304, b"")
        assert (await http.get("/static/rebuild.py")).status_code == 404
        assert (await http.get("/static/../app.py")).status_code == 404

    async def test_licences_are_served(self, http: httpx.AsyncClient) -> None:
        text = (await http.get("/static/THIRD_PARTY.txt")).text
        for name in ("graphiql (MIT)", "react (MIT)", "codemirror (MIT)", "GraphQL Contributors"):
            assert name in text


async def ask(page: Page, query: str) -> None:
    editor = "document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror"
    await page.run(f"{editor}.setValue({json.dumps(query)})")
    # The editor parses what is typed a moment later, and knows only then that something is a subscription.
    kind = "subscription" if query.startswith("subscription") else "query"
    await page.until(f"{editor}.documentAST?.definitions[0].operation === '{kind}'")
    await page.run("document.querySelector('.graphiql-execute-button').click()")


RESULT = "(document.querySelector('.result-window .CodeMirror')?.CodeMirror.getValue() ?? '')"
FILL = """(() => {
  const form = document.querySelector("#sign-in");
  for (const [name, value] of Object.entries(%s)) form.elements[name].value = value;
  form.requestSubmit();
})()"""


@pytest.mark.skipif(BINARY is None, reason="Chromium is not installed: apt-get install chromium")
class TestBrowser:
    async def test_signing_in_reading_and_listening(self, server: Server, settings: Settings, db: Database) -> None:
        me = await owner(db, settings)
        async with browsing() as page:
            await page.go(server.graphql)
            await page.until("document.querySelector('.graphiql-query-editor .CodeMirror')")
            await page.run(FILL % json.dumps({"email": me.email, "password": "wrong"}))
            assert "password" in await page.until("document.querySelector('#problem').textContent")
            await page.run(FILL % json.dumps({"email": me.email, "password": PASSWORD}))
            await page.until("!document.querySelector('#signed-in').hidden")
            assert "Pat Doe" in await page.run("document.querySelector('#who').textContent")

            await ask(page, "{ viewer { email } }")
            await page.until(f"{RESULT}.includes({json.dumps(me.email)})")

            await page.go(server.graphql)  # a reload stays signed in
            await page.until("document.querySelector('.graphiql-query-editor .CodeMirror')")
            await page.until("!document.querySelector('#signed-in').hidden")
            await ask(page, "subscription { events { event { type after } } }")
            shown: Any = ""
            for _ in range(100):
                await write(db, me.org_id)
                shown = await page.run(f"new Promise(done => setTimeout(() => done({RESULT}), 100))")
                if "thing.changed" in shown:
                    break
            assert "thing.changed" in shown, (shown, page.problems)

            # The explorer of the schema works, and so does a dialog, whose styles need the nonce.
            await page.run("document.querySelector('[aria-label=\"Show Documentation Explorer\"]').click()")
            await page.until("document.querySelector('.graphiql-doc-explorer')?.innerText.includes('Query')")
            await page.run("document.querySelector('[aria-label=\"Open settings dialog\"]').click()")
            await page.until("document.querySelector('.graphiql-dialog')")

            await page.run("document.querySelector('#sign-out').click()")
            await page.until("!document.querySelector('#sign-in').hidden")
            assert await page.run("sessionStorage.length") == 0
            # GraphiQL's own remark on its dialog; a violated policy or an exception would be here too.
            assert [text for text in page.problems if "aria-describedby" not in text] == []
            elsewhere = [url for url in page.urls if not url.startswith((server.url, "data:", "about:"))]
            assert elsewhere == []
