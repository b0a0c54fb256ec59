"""A headless Chromium, driven over the DevTools protocol."""

import asyncio
import itertools
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

BINARY = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# No sandbox: the tests may run as root in a container, and the only pages shown are our own.
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0"]


class Page:
    """One tab. `problems` collects what its console complains about (violated policies among it), `urls` what it
    loads."""

    def __init__(self, connection: ClientConnection) -> None:
        self.problems: list[str] = []
        self.urls: list[str] = []
        self._connection = connection
        self._session: str | None = None
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def read(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                message = json.loads(await self._connection.recv())
                if "id" in message:
                    self._waiting.pop(message["id"]).set_result(message)
                else:
                    self._hear(message["method"], message["params"])

    def _hear(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.problems.append(" ".join(str(item.get("value", item)) for item in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.urls.append(params["request"]["url"])

    async def call(self, method: str, **params: Any) -> Any:
        number = next(self._ids)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        await self._connection.send(json.dumps(message))
        answer = await asyncio.wait_for(self._waiting[number], 30)
        assert "error" not in answer, answer
        return answer["result"]

    async def attach(self) -> None:
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")

    async def go(self, url: str) -> None:
        await self.call("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        answer = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, script: str, seconds: float = 30) -> Any:
        """What the expression gives once that is true; `true` for an object."""
        script = f"(value => value instanceof Object ? true : value)({script})"
        deadline = asyncio.get_running_loop().time() + seconds
        while not (value := await self.run(script)):
            shown = await self.run("document.body?.innerText")
            assert asyncio.get_running_loop().time() < deadline, f"never true: {script}\n{self.problems}\n{shown}"
            await asyncio.sleep(0.05)
        return value


@asynccontextmanager
async def browsing() -> AsyncIterator[Page]:
    """A page in a browser of its own, which is gone afterwards."""
    assert BINARY is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            BINARY,
            *FLAGS,
            f"--user-data-dir={profile}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(60):
                url = await _devtools(process)
            drained = asyncio.create_task(_drain(process))
            async with connect(url, max_size=None, ping_interval=None) as connection:
                page = Page(connection)
                reader = asyncio.create_task(page.read())
                await page.attach()
                yield page
                with suppress(ConnectionClosed, TimeoutError):
                    page._session = None
                    await page.call("Browser.close")
                await asyncio.gather(reader, return_exceptions=True)
            await drained
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _devtools(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        if line.startswith(b"DevTools listening on "):
            return line.decode().rpartition(" ")[2].strip()
    raise AssertionError("Chromium did not start.")


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    async for _ in process.stderr:
        pass
