"""The signed addresses of the local store: a PUT of a staged upload and a GET of a document, each by its token alone.

A bucket has such addresses of its own, and then nobody is given one of these.
"""

import asyncio
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from graph.answers import error_body
from runtime.settings import Settings
from runtime.storage import PATH, Storage, Transfer, TransferError, disposition

ALLOW = b"GET, HEAD, PUT, OPTIONS"
SLOWEST = 50_000  # bytes a second; who is slower does not hold memory any longer
# So much of what is refused is read all the same: who still sends when the connection ends may never see the answer.
LINGER = 262_144


class Transfers:
    """Takes and gives what the tokens say, and nothing else."""

    def __init__(self, settings: Settings) -> None:
        self._storage = Storage(settings)
        self._patience = settings.request_timeout_seconds

    def routes(self) -> list[Route]:
        if not self._storage.is_local:
            return []
        return [Route(f"{PATH}/{{token}}", self.answer, methods=["GET", "PUT"])]

    async def answer(self, request: Request) -> Response:
        """One transfer. What is refused says why."""
        method = "PUT" if request.method == "PUT" else "GET"
        try:
            allowed = self._storage.transfer(request.path_params["token"], method, datetime.now(UTC))
        except TransferError as refused:
            return _refused(403, "FORBIDDEN", str(refused))
        return await (self._take(request, allowed) if method == "PUT" else self._give(allowed))

    async def _take(self, request: Request, allowed: Transfer) -> Response:
        wanted = f"This address takes {allowed.size:,} bytes, as was announced"
        declared = request.headers.get("content-length", "")
        wrong = declared.isdecimal() and int(declared) != allowed.size
        refused = _refused(413, "OUT_OF_RANGE", f"{wanted}; the request has {int(declared):,}.") if wrong else None
        if refused and int(declared) > allowed.size + LINGER:
            return refused
        received, seen = bytearray(), 0
        try:
            async with asyncio.timeout(self._patience + allowed.size / SLOWEST):
                async for piece in request.stream():
                    seen += len(piece)
                    if seen > allowed.size + LINGER:
                        break
                    if seen <= allowed.size:
                        received += piece
        except TimeoutError:
            return _refused(408, "OUT_OF_RANGE", "The content came too slowly; try again.")
        if refused:
            return refused
        if seen > allowed.size:
            return _refused(413, "OUT_OF_RANGE", f"{wanted}; the request has more.")
        if seen < allowed.size:
            return _refused(400, "OUT_OF_RANGE", f"{wanted}; the request has {seen:,}.")
        # The name and type of what is only staged are not looked at: `completeUpload` looks at the content.
        await self._storage.put(allowed.key, bytes(received), name="", content_type="")
        return Response(status_code=204)

    async def _give(self, allowed: Transfer) -> Response:
        try:
            size, pieces = await self._storage.open(allowed.key)
        except FileNotFoundError:
            return _refused(404, "NOT_FOUND", "This file is gone.")
        headers = {
            "Content-Length": str(size),
            "Content-Disposition": disposition(allowed.name),
            "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
            "Cache-Control": "private, no-store",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        return StreamingResponse(pieces, media_type=allowed.content_type, headers=headers)


def _refused(status: int, code: str, message: str) -> Response:
    # What is left of a body is not read: the connection ends with the answer.
    return Response(
        error_body(message, code),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store", "Connection": "close"},
    )
