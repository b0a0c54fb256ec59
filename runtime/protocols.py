"""uvicorn's protocols, with answers that say what was wrong where its own are mute or log a traceback."""

import asyncio
import re
import secrets
import struct
import zlib
from asyncio import BaseTransport, TimerHandle, Transport
from collections.abc import Callable
from typing import Any, cast

import orjson
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.http11 import Request

from runtime.exchange import EXCHANGE, Exchange
from runtime.heads import END, HEADS, Head

# A request target that is its path.
PLAIN_TARGET = re.compile(rb"/[A-Za-z0-9._~/-]*")
# After the application has let go of a socket, its client may take this long to read what is left.
LINGER_SECONDS = 10.0
MAX_HEADER_BYTES = 64_000
# The name in an HTTP scope's extensions under which the application finds the connection.
CONNECTION = "opsgraph.connection"
# The same for a socket.
SOCKET = "opsgraph.socket"
# Longer texts are compressed for clients that take it.
COMPRESSED_ABOVE = 1024
WINDOW_BITS = 12
DEFLATE: dict[str, Any] = {"level": 6, "memLevel": 5}
# RFC 6455 and 7692: the first bytes of a whole text frame, and of a block that DEFLATE stores as it is.
TEXT, COMPRESSED_TEXT = 0x81, 0xC1
SHORT, LONG, STORED = struct.Struct(">BBH"), struct.Struct(">BBQ"), struct.Struct("<BHH")
# A client that has not sent a request's headers after this is refused; uvicorn itself would wait for ever.
HEADER_SECONDS = 30.0
# What a refused client still sends is read for so long.
FORGET_SECONDS = 2.0
# Requests that may wait on one connection for the answer to an earlier one.
MOST_WAITING = 32


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose refusals are JSON, and whose streams hear when the server stops.

    ASGI tells neither of a stop nor how to drop a client, so the application finds the connection itself in the
    scope: it may set `on_stop`, and call `abort`."""

    on_stop: Callable[[], None] | None = None

    _forwarded = False
    _quiet_since = 0.0
    _in_headers = True
    _header_bytes = 0
    _between = True  # whether the parser waits for a request to begin
    _raw: bytes | None = None  # the head of the request that begins with the data at hand
    _refused = False
    _late = False
    _header_timer: TimerHandle | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # Only a request that was forwarded needs to pass who reads the forwarding.
        self._direct = self.app.app if isinstance(self.app, ProxyHeadersMiddleware) else self.app

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(cast(Transport, transport))
        self._header_timer = self.loop.call_later(HEADER_SECONDS, self._headers_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_header_timer()
        super()._unset_keepalive_if_required()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= MOST_WAITING:
            raise ValueError("too many requests in a row")  # the parser ends, and the connection with it
        super().on_message_begin()
        self._between = False
        self._in_headers, self._header_bytes, self._forwarded = True, 1, False
        self.scope["extensions"] = {CONNECTION: self}  # type: ignore[dict-item]

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_headers:
            return  # a trailer: whoever stands before us to look at headers has not seen it
        name = name.lower()
        if name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
        elif name[:12] == b"x-forwarded-":
            self._forwarded = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """As uvicorn's; what is unusual about a request takes uvicorn's own way."""
        self._in_headers = False
        self._stop_header_timer()
        raw, self._raw = self._raw, None
        parser, cycle, url = self.parser, self.cycle, self.url
        pipelined = cycle is not None and not cycle.response_complete
        unusual = pipelined or self._forwarded or self.expect_100_continue or self.limit_concurrency is not None
        ends = parser.should_upgrade() or not parser.should_keep_alive() or parser.get_http_version() != "1.1"
        if unusual or ends or not PLAIN_TARGET.fullmatch(url):
            super().on_headers_complete()
            return
        scope = cast(dict[str, Any], self.scope)
        scope["method"] = parser.get_method().decode("ascii")
        scope["path"] = url.decode("ascii")
        scope["raw_path"] = url
        scope["query_string"] = b""
        self._begin(HEADS.remember(raw, scope) if raw is not None else None)

    def on_message_complete(self) -> None:
        self._between = True
        super().on_message_complete()

    def _begin(self, head: Head | None) -> Exchange:
        """Starts to answer the request of `self.scope`."""
        scope = cast(dict[str, Any], self.scope)
        made = Exchange(
            self.scope,
            self.transport,
            self.flow,
            self.logger,
            self.access_logger,
            self.access_log,
            self.server_state.default_headers,
            asyncio.Event(),
            expect_100_continue=False,
            keep_alive=True,
            on_response=self.on_response_complete,
        )
        made.head = head
        self.cycle = scope["extensions"][EXCHANGE] = made
        self._start_asgi_task(made, self._direct)
        return made

    def _begin_known(self, data: bytes) -> bool:
        """Starts to answer a request that arrived whole and whose head is known; False means: let the parser read."""
        end = data.find(END) + len(END)
        raw = data[:end]
        head = HEADS.get(raw)
        if head is None:
            self._raw = raw
            return False
        if len(data) != end + head.length or not (self.cycle is None or self.cycle.response_complete):
            return False
        scope = head.scope.copy()
        scope["server"], scope["client"], scope["scheme"] = self.server, self.client, self.scheme
        scope["state"] = self.app_state.copy()
        scope["extensions"] = {CONNECTION: self}
        self.scope = cast(Any, scope)
        self._stop_header_timer()
        self._in_headers = False
        self._begin(head).arrive(data[end:])
        return True

    def on_body(self, body: bytes) -> None:
        self._header_bytes = 0
        super().on_body(body)

    def on_response_complete(self) -> None:
        """As uvicorn's, but for one timer a connection instead of one an answer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._quiet_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_later(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Closes a connection that has been kept open for nothing."""
        self.timeout_keep_alive_task = None
        if self._in_headers and self._header_bytes:
            return  # the headers' own timer runs
        if self.cycle is not None and not self.cycle.response_complete:
            return  # its answer will start the timer again
        left = self._quiet_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_later(left)
        elif not self.transport.is_closing():
            self.transport.close()

    def _look_later(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _unset_keepalive_if_required(self) -> None:
        """Data that arrives leaves the timer be; it looks for itself."""

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return  # read and forgotten: closing with unread data would tear our answer away from the client
        self._raw = None
        if self._between and self._begin_known(data):
            return
        # The parser keeps unfinished headers and trailers in memory without a limit of its own.
        self._header_bytes += len(data)
        if self._header_bytes > MAX_HEADER_BYTES + len(data):
            self.send_400_response("")
            return
        super().data_received(data)
        if self._in_headers and self._header_timer is None and not self._refused:
            self._header_timer = self.loop.call_later(HEADER_SECONDS, self._headers_late)

    def handle_websocket_upgrade(self) -> None:
        super()._unset_keepalive_if_required()  # the connection is the socket's from now on
        super().handle_websocket_upgrade()

    def shutdown(self) -> None:
        super().shutdown()
        if self.on_stop is not None:
            self.on_stop()

    def abort(self) -> None:
        """Let go of a client that takes nothing, with what it has not taken."""
        self.transport.abort()

    def _is_answering(self) -> bool:
        """Whether a whole request waits for its answer."""
        cycle = self.cycle
        return bool(self.pipeline) or (cycle is not None and not (cycle.response_complete or cycle.more_body))

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
        if self._is_answering():
            # What came before is answered, in its order; then the connection ends.
            self._refused = True
            self._stop_header_timer()
            self.cycle.keep_alive = False
            return
        if self._late:
            status, code = b"408 Request Timeout", "REQUEST_TIMEOUT"
            text = f"The request's headers did not arrive within {HEADER_SECONDS:g} s; send them at once."
        elif self._header_bytes > MAX_HEADER_BYTES:
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
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # its body is what is wrong: nobody waits for it any longer
            self.cycle.message_event.set()
        self.transport.write(b"\r\n".join(head) + b"\r\n\r\n" + body)
        self.transport.write_eof()
        self.loop.call_later(FORGET_SECONDS, self.transport.close)


class SocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket whose text is checked without a traceback, and whose deaf clients are let go.

    The application finds it in the scope: `write_text` sends what goes to many without a task for each of them."""

    _shared = (b"", b"")  # the last body that was compressed for many, and what became of it

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # Each message is compressed by itself: then one compression serves many clients, and no client's state is kept.
        self.conn.available_extensions = [
            ServerPerMessageDeflateFactory(
                server_no_context_takeover=True,
                server_max_window_bits=WINDOW_BITS,
                client_max_window_bits=WINDOW_BITS,
                compress_settings=DEFLATE,
            )
        ]

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            self.scope["extensions"][SOCKET] = self  # type: ignore[assignment]  # uvicorn's own type is narrower

    def write_text(self, head: bytes, body: bytes, tail: bytes) -> bool:
        """Send these as one text, now; False when that cannot be, because the client takes no more or is gone."""
        if not self.writable.is_set() or self.close_sent or self.disconnected or self.transport.is_closing():
            return False
        if self.conn.extensions and len(body) > COMPRESSED_ABOVE:
            [deflate] = self.conn.extensions
            if not isinstance(deflate, PerMessageDeflate) or deflate.local_max_window_bits < WINDOW_BITS:
                return False
            # The head as a block that is stored as it is, then the blocks that all clients get.
            size = len(head)
            parts = (STORED.pack(0, size, size ^ 0xFFFF), head, self._compressed(body, tail))
            first = COMPRESSED_TEXT
        else:
            parts, first = (head, body, tail), TEXT
        length = sum(map(len, parts))
        if length < 126:
            begin = bytes((first, length))
        elif length < 65_536:
            begin = SHORT.pack(first, 126, length)
        else:
            begin = LONG.pack(first, 127, length)
        self.transport.write(b"".join((begin, *parts)))
        return True

    @classmethod
    def _compressed(cls, body: bytes, tail: bytes) -> bytes:
        if cls._shared[0] is not body:
            made = zlib.compressobj(wbits=-WINDOW_BITS, **DEFLATE)
            # The end of a flush is left out, as RFC 7692 asks.
            cls._shared = (body, (made.compress(body + tail) + made.flush(zlib.Z_SYNC_FLUSH))[:-4])
        return cls._shared[1]

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

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # The decompressor takes much, and the connection is part of cycles that are collected much later.
        self.conn.extensions.clear()

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self.loop.call_later(LINGER_SECONDS, self._abort)

    def _abort(self) -> None:
        if not self.disconnected:
            self.transport.abort()
