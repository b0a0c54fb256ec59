"""Heads of requests that were read before.

A client on a kept connection sends the same bytes again and again before its body. httptools reads each such head
once, as strictly as ever; equal bytes then say equal things, and most of what a small request costs the server is
saved. Only heads that can be read in one way are kept: HTTP/1.1, one Content-Length, no header twice, no folded line.
"""

from typing import Any

Header = tuple[bytes, bytes]

HEADS_KEPT = 1_024
LONGEST_KEPT = 4_096
END = b"\r\n\r\n"
# What the scopes of equal heads have in common.
SHARED = ("type", "asgi", "http_version", "method", "path", "raw_path", "query_string", "root_path", "headers")


class Head:
    """A request's line and headers. `scope` is what the ASGI scopes of all such requests share, `length` the number
    of bytes in the body, `said` what the application made of the headers, for itself to keep."""

    __slots__ = ("length", "said", "scope")

    def __init__(self, scope: dict[str, Any], length: int) -> None:
        self.scope = scope
        self.length = length
        self.said: Any = None


class Heads:
    """Those of one process; when there are too many it begins anew."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}
        self.get = self._known.get

    def __len__(self) -> int:
        return len(self._known)

    def remember(self, raw: bytes, scope: dict[str, Any]) -> Head | None:
        """Keeps the head that was read from `raw` as `scope`, if it can be read in no other way."""
        headers: list[Header] = scope["headers"]
        named = dict(headers)
        length = named.get(b"content-length", b"")
        lines = len(headers) + 2
        plain = raw.count(b"\n") == raw.count(b"\r\n") == lines and raw.startswith(scope["method"].encode() + b" ")
        if not plain or len(raw) > LONGEST_KEPT or len(named) != len(headers) or b"transfer-encoding" in named:
            return None
        if not length.isdigit() or len(length) > 9:
            return None
        if len(self._known) >= HEADS_KEPT:
            self._known.clear()
        made = self._known[raw] = Head({name: scope[name] for name in SHARED}, int(length))
        return made


HEADS = Heads()
