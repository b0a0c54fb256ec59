"""Real servers for every test: PostgreSQL and Valkey of this run's own, the application on a real socket, a real
SMTP server. Each xdist worker has all of them for itself."""

import contextlib
import gc
import shutil
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
import structlog
import uvicorn
from aiosmtpd.controller import Controller

from db.migrate import upgrade
from db.session import Database
from runtime import garbage
from runtime import settings as settings_module
from runtime.processes import server_account
from runtime.secrets import ensure_secrets
from runtime.servers.place import servers_folder
from runtime.servers.throwaway import Throwaway, scratch_folder, throwaway, with_database
from runtime.servers.valkey import Valkey
from runtime.settings import Settings
from tests.factories.api import connected
from tests.sharing import Sharing, place

COMPARED, COMPARED_THOROUGHLY = 120, 2_500  # generated operations of each comparison in tests/compiler

TEMPLATE = "opsgraph"  # migrated once, never connected to again, copied for whoever wants a fresh one


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough", action="store_true", help="5,000 generated operations, others each time; bench faults whole"
    )


def pytest_configure(config: pytest.Config) -> None:
    garbage.start()
    # Tracebacks that show every variable cost a second each.
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])
    thorough = config.getoption("thorough")
    hypothesis.settings.register_profile(
        "opsgraph",
        max_examples=COMPARED_THOROUGHLY if thorough else COMPARED,
        deadline=None,
        database=None,
        derandomize=not thorough,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
    )
    hypothesis.settings.load_profile("opsgraph")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return Sharing(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: place(item.nodeid))
    gc.freeze()  # modules and schemas stay: looking through them again and again takes some seconds


@pytest.fixture(scope="session")
def servers() -> Iterator[Throwaway]:
    with throwaway() as running:
        yield running


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder that an unprivileged server may enter (pytest's own tmp_path is 0700)."""
    path = scratch_folder()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def running_valkey(folder: Path) -> Iterator[Valkey]:
    account = server_account()
    server = Valkey(servers_folder(folder, account), account, throwaway=True)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch() as path:
        yield path


@pytest.fixture
def valkey(folder: Path) -> Iterator[Valkey]:
    """A server that the test may stop, empty and start."""
    with running_valkey(folder) as server:
        yield server


@pytest.fixture(scope="session")
def template(servers: Throwaway) -> str:
    """The name of the migrated database that others are copied from. No command in it forgets an event."""
    from tests import logged

    upgrade(Settings(_env_file=None, environment="test", database_url=with_database(servers.postgres.url, TEMPLATE)))
    servers.postgres.psql(";\n".join(logged.statements()), TEMPLATE)
    return TEMPLATE


@pytest.fixture(scope="session")
def listening() -> Iterator[socket.socket]:
    """The socket the application will serve; its port is known before the application is made."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as bound:
        yield bound


@pytest.fixture(scope="session")
def settings(servers: Throwaway, template: str, smtp: "Mailbox", listening: socket.socket) -> Iterator[Settings]:
    """The settings of the run; also put in the environment, for code that reads them by itself."""
    values = {
        "environment": "test",
        "data_dir": str(servers.folder / "data"),
        "public_url": f"http://127.0.0.1:{listening.getsockname()[1]}",
        "database_url": servers.database("test", template),
        "redis_url": servers.valkey.url,
        "smtp_url": smtp.url,
        # Tests ask far more than a person would, and compare whole answers; tests/operations set these themselves.
        "rate_limit_factor": "10000",
        "cost_in_answers": "false",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.model_fields:
            patch.delenv(name.upper(), raising=False)
        for name, value in values.items():
            patch.setenv(name.upper(), value)
        settings_module.settings.cache_clear()
        yield ensure_secrets(Settings(_env_file=None))
        settings_module.settings.cache_clear()


@pytest.fixture
def fresh_settings(servers: Throwaway, settings: Settings) -> Iterator[Settings]:
    """Settings on a migrated database that only this test uses."""
    name = f"fresh_{time.monotonic_ns()}"
    yield settings.model_copy(update={"database_url": servers.database(name, TEMPLATE)})
    servers.postgres.psql(f'DROP DATABASE "{name}" WITH (FORCE)')


@dataclass(frozen=True)
class Demo:
    """A database with the demo, to copy and not to connect to, and the sign-ins that loading it returned."""

    database: str
    people: list[dict[str, Any]]


@pytest.fixture(scope="session")
async def demo(servers: Throwaway, settings: Settings) -> Demo:
    """Loaded once in a run (see `tests.sharing`), and no command of it forgot an event."""
    from domain import demo
    from tests import logged

    url = servers.database("demo", TEMPLATE)
    servers.postgres.psql(logged.also_the_system("demo"))
    return Demo("demo", await demo.load(settings.model_copy(update={"database_url": url})))


@pytest.fixture
def demo_settings(servers: Throwaway, settings: Settings, demo: Demo) -> Iterator[Settings]:
    """Settings on a copy of the demo that only this test uses."""
    name = f"demo_{time.monotonic_ns()}"
    yield settings.model_copy(update={"database_url": servers.database(name, demo.database)})
    servers.postgres.psql(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
async def db(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings)
    yield database
    await database.close()


@dataclass(frozen=True)
class Server:
    """The application on a real socket, in a thread with a loop of its own."""

    url: str
    app: Any

    @property
    def graphql(self) -> str:
        return f"{self.url}/graphql"

    @property
    def ws(self) -> str:
        return f"ws{self.url.removeprefix('http')}/graphql"


@contextlib.contextmanager
def serving(app: Any, bound: socket.socket) -> Iterator[Server]:
    """Serve an ASGI application on a bound socket until the end of the block."""
    from runtime.serving import server_config

    server = uvicorn.Server(server_config(app))
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]  # they are pytest's
    failed: list[BaseException] = []

    def run() -> None:
        try:
            server.run(sockets=[bound])
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="uvicorn", daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("The application did not start.") from (failed[0] if failed else None)
        time.sleep(0.01)
    try:
        yield Server(f"http://127.0.0.1:{bound.getsockname()[1]}", app)
    finally:
        server.should_exit = True
        thread.join(15)
        assert not thread.is_alive(), "The application did not stop."


@pytest.fixture(scope="session")
def server(settings: Settings, listening: socket.socket) -> Iterator[Server]:
    from graph.app import create_app

    with serving(create_app(settings), listening) as running:
        yield running


@pytest.fixture
async def http(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with connected(server.url) as client:
        yield client


class Mailbox:
    """A real SMTP server that keeps what it gets."""

    def __init__(self) -> None:
        self.url = ""
        self._messages: list[EmailMessage] = []
        self._arrived = threading.Condition()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        message: Any = message_from_bytes(envelope.content, policy=policy.default)
        with self._arrived:
            self._messages.append(message)
            self._arrived.notify_all()
        return "250 OK"

    def to(self, address: str, subject: str = "", seconds: float = 20) -> EmailMessage:
        """The newest mail to `address` whose subject holds `subject`, waited for. Blocks: use asyncio.to_thread."""

        def found() -> EmailMessage | None:
            hits = [m for m in self._messages if address in str(m["To"]) and subject in str(m["Subject"])]
            return hits[-1] if hits else None

        with self._arrived:
            self._arrived.wait_for(lambda: found() is not None, seconds)
            message = found()
        assert message is not None, f"No mail to {address} within {seconds} s."
        return message


@pytest.fixture(scope="session")
def smtp() -> Iterator[Mailbox]:
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=_free_port(), ready_timeout=10)
    controller.start()
    mailbox.url = f"smtp://127.0.0.1:{controller.port}"
    yield mailbox
    controller.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
