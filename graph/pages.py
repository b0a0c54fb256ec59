"""Pages for browsers: GraphiQL at /graphql, /live, /verify, and their static files, all from this package."""

import asyncio
import hashlib
import re
import secrets
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graph.answers import NO_STORE, NOSNIFF, Header, is_known
from graph.encoding import chosen, compressed_well
from runtime.settings import Settings

FOLDER = Path(__file__).parent / "static"
PREFIX = "/static"
LIVE = "/live"
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
LICENCES = "THIRD_PARTY.txt"
NAMED = re.compile(r"\{([\w-]+\.(?:js|css))\}")
YEAR = "public, max-age=31536000, immutable"


class StaticFile:
    """One file: read once, compressed once in each way."""

    def __init__(self, name: str) -> None:
        path = FOLDER / name
        self.content = path.read_bytes()
        self.type = TYPES[path.suffix]
        self.version = hashlib.sha256(self.content).hexdigest()[:16]
        self.path = f"{PREFIX}/{name}"
        self.url = f"{self.path}?v={self.version}"
        self._compressed: dict[bytes, bytes] = {}

    def route(self) -> Route:
        return Route(self.path, self.answer)

    async def answer(self, request: Request) -> Response:
        """The file; its address in the page holds its version, so that it may be kept for ever."""
        coding = chosen(request.headers.get("accept-encoding", "").encode("latin-1"))
        name = coding.decode() if coding else ""
        etag = f'"{self.version}-{name}"' if name else f'"{self.version}"'
        headers = {
            "ETag": etag,
            "Vary": "Accept-Encoding",
            "Cache-Control": YEAR if request.query_params.get("v") == self.version else "no-cache",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        if is_known(etag.encode(), request.headers.get("if-none-match", "").encode("latin-1")):
            return Response(status_code=304, headers=headers)
        if coding is None:
            return Response(self.content, media_type=self.type, headers=headers)
        if coding not in self._compressed:
            self._compressed[coding] = await asyncio.to_thread(compressed_well, coding, self.content)
        return Response(self._compressed[coding], media_type=self.type, headers=headers | {"Content-Encoding": name})


class Page:
    """A page of the folder, with a nonce of its own in each answer: nothing that is injected into it would run. The
    files that it names by `{name.js}` are served beside it."""

    def __init__(self, settings: Settings, template: str) -> None:
        page = (FOLDER / template).read_text()
        self.files = [StaticFile(name) for name in dict.fromkeys(NAMED.findall(page))]
        for file in self.files:
            page = page.replace(f"{{{file.path.rpartition('/')[2]}}}", file.url)
        self._page = page
        public = urlsplit(settings.public_url)
        self._socket = f"{'wss' if public.scheme == 'https' else 'ws'}://{public.netloc}"

    def answer(self, **values: str) -> tuple[list[Header], bytes]:
        """Headers and body; `{name}` in the page becomes the value, which is HTML already."""
        nonce = secrets.token_urlsafe(16)
        page = self._page
        for name, value in {"nonce": nonce, **values}.items():
            page = page.replace(f"{{{name}}}", value)
        body = page.encode()
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
            f"connect-src 'self' {self._socket}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"content-security-policy", policy.encode()),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"referrer-policy", b"no-referrer"),
            (b"x-frame-options", b"DENY"),
            (b"vary", b"accept, accept-encoding, authorization"),
            NOSNIFF,
            NO_STORE,
        ], body


class Pages:
    """Those pages that the settings ask for."""

    def __init__(self, settings: Settings) -> None:
        self.graphiql = Page(settings, "console.html") if settings.graphiql else None
        self.live = Page(settings, "live.html") if settings.live_page else None
        self.verification = Page(settings, "verify.html")

    def routes(self) -> list[Route]:
        """Everything but the pages that others show: GraphiQL, and the one on which certificates are verified."""
        files = {
            file.path: file for page in (self.graphiql, self.live, self.verification) if page for file in page.files
        }
        if self.graphiql:
            licences = StaticFile(LICENCES)
            files[licences.path] = licences
        routes = [file.route() for file in files.values()]
        if self.live:
            routes.append(Route(LIVE, partial(_show, self.live)))
        return routes


async def _show(page: Page, _request: Request) -> Response:
    headers, body = page.answer()
    answer = Response(body)
    answer.raw_headers = headers
    return answer
