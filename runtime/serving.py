"""How uvicorn serves the application: one process, uvloop, httptools, our own logs."""

import socket
from typing import Any

import uvicorn

from runtime.protocols import HttpProtocol, SocketProtocol

GRACE_SECONDS = 2  # what open requests and sockets get at a stop; the supervisor allows for it
UNSENT_MS = 20_000  # data that a client does not acknowledge for this long ends its connection


def server_config(app: Any, *, factory: bool = False, max_message: int = 1_000_000) -> uvicorn.Config:
    """`app` is an ASGI application, or with `factory` the import path of a function that makes one."""
    return uvicorn.Config(
        app,
        factory=factory,
        loop="uvloop",
        http=HttpProtocol,
        ws=SocketProtocol,
        ws_max_size=max_message,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=2048,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket. Raises OSError when the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.create_server((host, port), family=family, backlog=2048)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Inherited by every connection: a client that stops reading is dropped, where pings alone never noticed.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNSENT_MS)
    return bound
