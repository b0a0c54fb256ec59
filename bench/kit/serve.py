"""Serve an ASGI application as the platform serves its own: the same uvicorn settings, the same garbage collection.

python -m bench.kit.serve MODULE:NAME PORT [factory]
"""

import gc
import sys

import uvicorn

from runtime.serving import listen, server_config


def main() -> None:
    name, port, *rest = sys.argv[1:]
    config = server_config(name, factory="factory" in rest)
    config.load()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    uvicorn.Server(config).run(sockets=[listen("127.0.0.1", int(port))])


if __name__ == "__main__":
    main()
