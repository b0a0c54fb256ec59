"""A request and its answer: uvicorn's own, with a short way beside ASGI's messages for who knows it.

Most requests arrive whole and most answers are made whole; handing them over at once, in one write, saves a third of
what uvicorn's part of a small answer costs.
"""

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from runtime.heads import Head

# The name in an HTTP scope's extensions under which the application finds it.
EXCHANGE = "opsgraph.exchange"


class Exchange(RequestResponseCycle):
    """One request and its answer; `head` is there when it can be known again."""

    head: Head | None = None

    def arrive(self, body: bytes) -> None:
        """The whole body came with the head."""
        self.body += body
        self.more_body = False
        self.message_event.set()

    def arrived(self) -> bytes | None:
        """The whole body, when it is there and nobody has taken it; None means: ask `receive`."""
        if self.more_body or self.disconnected or not self.message_event.is_set() or self.flow.read_paused:
            return None
        self.message_event.clear()
        body, self.body = bytes(self.body), bytearray()
        return body

    def answer(self, head: bytes, body: bytes) -> bool:
        """Sends a whole answer in one write; False means: use `send`. `head` holds the status line and headers, each
        with its line end; what is in them the caller answers for, Content-Length included."""
        if self.response_started or self.disconnected or self.flow.write_paused or not self.keep_alive:
            return False
        for name, value in self.default_headers:
            head += b"%b: %b\r\n" % (name, value)
        self.transport.write(b"".join((head, b"\r\n", body)))
        self.response_started = self.response_complete = True
        self.message_event.set()
        self.on_response()
        return True
