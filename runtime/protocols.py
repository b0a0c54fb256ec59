"""uvicorn's protocols, with answers that say what was wrong where its own are mute or log a traceback."""

import secrets
from asyncio import BaseTransport, TimerHandle, Transport
from collections.abc import Callable
from typing import cast

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

# After the application has let go of a socket, its client may take this long to read what is left.
LINGER_SECONDS = 10.0
MAX_HEADER_BYTES = 64_000
# The name in an HTTP scope's extensions under which the application finds the connection.
CONNECTION = "opsgraph.connection"
# A client that has not sent a request's headers after this is refused; uvicorn itself would wait for ever.
HEADER_SECONDS = 30.0
# What a refused client still sends is read for so long.
FORGET_SECONDS = 2.0


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose refusals are JSON, and whose streams hear when the server stops.

    ASGI tells neither of a stop nor how to drop a client, so the application finds the connection itself in the
    scope: it may set `on_stop`, and call `abort`."""

    on_stop: Callable[[], None] | None = None

    _in_headers = True
    _header_bytes = 0
    _refused = False
    _late = False
    _header_timer: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(cast(Transport, transport))
        self._header_timer = self.loop.call_later(HEADER_SECONDS, self._headers_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_header_timer()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers, self._header_bytes = True, 1
        self.scope["extensions"] = {CONNECTION: self}  # type: ignore[dict-item]

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._stop_header_timer()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return  # read and forgotten: closing with unread data would tear our answer away from the client
        # The parser keeps unfinished headers in memory without a limit of its own.
        if self._in_headers:
            self._header_bytes += len(data)
            if self._header_bytes > MAX_HEADER_BYTES + len(data):
                self.send_400_response("")
                return
        super().data_received(data)
        if self._in_headers and self._header_timer is None and not self._refused:
            self._header_timer = self.loop.call_later(HEADER_SECONDS, self._headers_late)

    def shutdown(self) -> None:
        super().shutdown()
        if self.on_stop is not None:
            self.on_stop()

    def abort(self) -> None:
        """Let go of a client that takes nothing, with what it has not taken."""
        self.transport.abort()

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _headers_late(self) -> None:
        self._header_timer = None
        if self._header_bytes:
            self._late = True
            self.send_400_response("")
        else:
            self.transport.close()  # opened in advance, as browsers do, and never used

    def send_400_response(self, msg: str) -> None:
        if self._late:
            status, code = b"408 Request Timeout", "REQUEST_TIMEOUT"
            text = f"The request's headers did not arrive within {HEADER_SECONDS:g} s; send them at once."
        elif self._header_bytes > MAX_HEADER_BYTES and self._in_headers:
            status, code = b"431 Request Header Fields Too Large", "HEADERS_TOO_LARGE"
            text = f"The request's URL and headers are larger than {MAX_HEADER_BYTES} bytes; send less in them."
        else:
            status, code = b"400 Bad Request", "BAD_REQUEST"
            text = "The request is not valid HTTP/1.1: check its request line, headers and body length."
        body = orjson.dumps({"errors": [{"message": text, "extensions": {"code": code}}]})
        head = [
            b"HTTP/1.1 " + status,
            b"content-type: application/json; charset=utf-8",
            b"content-length: %d" % len(body),
            b"x-request-id: " + secrets.token_hex(8).encode(),
            b"x-process-time: 0.000000",
            b"x-content-type-options: nosniff",
            b"connection: close",
        ]
        self._refused = True
        self._stop_header_timer()
        self.transport.write(b"\r\n".join(head) + b"\r\n\r\n" + body)
        self.transport.write_eof()
        self.loop.call_later(FORGET_SECONDS, self.transport.close)


class SocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket whose text is checked without a traceback, and whose deaf clients are let go."""

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.send_close(1007, "The text frame is not UTF-8; encode it as UTF-8.")
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self.loop.call_later(LINGER_SECONDS, self._abort)

    def _abort(self) -> None:
        if not self.disconnected:
            self.transport.abort()
