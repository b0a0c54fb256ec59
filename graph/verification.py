"""The page behind a certificate's QR code: genuine, revoked, superseded or unknown, for anybody, and nothing else."""

from html import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.errors import RateLimitedError
from domain.maintenance.verification import ADDRESS, CertificateStatus, verify
from graph.context import Platform
from graph.identity.gate import limiter
from graph.pages import Page

PATH = "/verify/{number}/{token}"
TEXTS: dict[CertificateStatus, tuple[int, str, str]] = {
    CertificateStatus.GENUINE: (200, "Genuine", "This certificate was issued here, and it is in force."),
    CertificateStatus.REVOKED: (
        200,
        "Revoked",
        "This certificate was issued here and has been revoked. Do not rely on it.",
    ),
    CertificateStatus.SUPERSEDED: (
        200,
        "Superseded",
        "This certificate was issued here and has been replaced by another. Ask for that one.",
    ),
    CertificateStatus.UNKNOWN: (
        404,
        "Unknown",
        "No such certificate was issued here. Check the address, or scan again.",
    ),
}


class VerificationPage:
    """Drawn by the server: it needs no script, and none can run in it."""

    def __init__(self, platform: Platform, page: Page) -> None:
        self._platform = platform
        self._page = page

    def routes(self) -> list[Route]:
        return [Route(PATH, self.show)]

    async def show(self, request: Request) -> Response:
        number, token = request.path_params["number"], request.path_params["token"]
        try:
            await limiter(self._platform.redis).take(ADDRESS, request.client.host if request.client else "")
        except RateLimitedError as error:
            return self._answer(429, "LIMITED", "Too many questions", "", str(error))
        found = await verify(self._platform.db, number, token)
        status, title, text = TEXTS[found]
        # What is unknown is not repeated: the page would say whatever an address makes it say.
        shown = number.upper() if found is not CertificateStatus.UNKNOWN else ""
        return self._answer(status, found.value, title, shown, text)

    def _answer(self, code: int, status: str, title: str, number: str, text: str) -> Response:
        headers, body = self._page.answer(status=status, title=title, number=escape(number), text=text)
        answer = Response(body, status_code=code)
        answer.raw_headers = headers
        return answer
