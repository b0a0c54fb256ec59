"""up, serve, worker: the commands that keep running."""

import socket
from typing import Annotated

import typer

from runtime.commands.common import CommandError, Data, load, refuse_unsafe


def up(
    port: Annotated[int, typer.Option(help="Port of the API on 127.0.0.1; 0 takes any free one.")] = 8000,
    data: Data = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="When ready, print addresses and sign-ins as one line of JSON.")
    ] = False,
    no_demo: Annotated[bool, typer.Option("--no-demo", help="Do not load the demo organizations.")] = False,
) -> None:
    """Run everything: PostgreSQL and Valkey, migrations, demo organizations, the API and a worker.

    The servers are embedded and keep their data in a folder; DATABASE_URL and REDIS_URL name real ones instead.
    The first run loads demo organizations and prints how to sign in. Ctrl-C stops everything.
    """
    from runtime.up import Options, run

    settings = load(data, servers=False)
    refuse_unsafe(settings)
    run(settings, Options(port=port, as_json=as_json, demo=not no_demo))


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.")] = 8000,
    data: Data = None,
    fd: Annotated[int | None, typer.Option(hidden=True, help="A listening socket to take over.")] = None,
) -> None:
    """Run the API alone, on the database and Redis of the settings (or of a running `up`).

    Run one such process per core behind a load balancer, and at least one `worker`.
    """
    import uvicorn

    from runtime import logging
    from runtime.serving import listen, server_config

    settings = load(data)
    refuse_unsafe(settings)
    logging.configure(settings.log_level)
    try:
        bound = socket.socket(fileno=fd) if fd is not None else listen(host, port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CommandError(f"{host}:{port} cannot be listened on ({reason}); choose another --port.") from error
    logging.get_logger("runtime.serve").info("listening", address=bound.getsockname()[0], port=bound.getsockname()[1])
    server = uvicorn.Server(server_config("graph.app:create_app", factory=True, max_message=settings.max_body_bytes))
    server.run(sockets=[bound])
    if not server.started:
        raise CommandError("The API did not start; the log above says why.", 3)


def worker(data: Data = None) -> None:
    """Run a worker: jobs, mail and the relay that numbers events. Any number may run at once."""
    from workers.main import run

    settings = load(data)
    refuse_unsafe(settings)
    run(settings)
