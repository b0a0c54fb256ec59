"""uvicorn's protocols, with answers that say what was wrong where its own are mute or log a traceback."""

import secrets

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

# After the application has let go of a socket, its client may take this long to read what is left.
LINGER_SECONDS = 10.0
MAX_HEADER_BYTES = 64_000


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose refusals are JSON."""

    _in_headers = True
    _header_bytes = 0

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers, self._header_bytes = True, 0

    def on_headers_complete(self) -> None:
        self._in_headers = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        # The parser keeps unfinished headers in memory without a limit of its own.
        if self._in_headers:
            self._header_bytes += len(data)
            if self._header_bytes > MAX_HEADER_BYTES + len(data):
                self.send_400_response("")
                return
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        if self._header_bytes > MAX_HEADER_BYTES and self._in_headers:
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
        self.transport.write(b"\r\n".join(head) + b"\r\n\r\n" + body)
        self.transport.close()


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
