"""Serve an ASGI application on uvicorn as it comes: uvloop, httptools, no access log, and the garbage collection that
the platform has.

python -m bench.kit.serve MODULE:NAME PORT [factory]
"""

import gc
import sys

import uvicorn

from runtime.serving import listen


def main() -> None:
    name, port, *rest = sys.argv[1:]
    config = uvicorn.Config(
        name,
        factory="factory" in rest,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=2048,
        timeout_keep_alive=30,
    )
    config.load()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    uvicorn.Server(config).run(sockets=[listen("127.0.0.1", int(port))])


if __name__ == "__main__":
    main()
