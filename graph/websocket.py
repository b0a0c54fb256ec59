"""graphql-transport-ws, to the letter, over plain ASGI messages: one Connection for each socket.

Memory is bounded: the reader takes the next frame when the last one is handled, an operation waits until the client
has taken its message (of a subscription to the log a few more may wait), and a client that takes nothing for long is
dropped.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import orjson
from graphql import OperationType

from domain.context import Actor
from domain.errors import ForbiddenError, UnauthenticatedError
from domain.events.errors import ShutdownError, SlowConsumerError
from domain.identity.revocation import Revocation
from graph import socket_messages as protocol
from graph.answers import Receive, Scope, Send, request_id
from graph.context import Platform
from graph.errors import masked, to_error
from graph.fanout import Express
from graph.headers import caller_of
from graph.operations import Caller, Outcome
from graph.preparing import RefusedError
from graph.socket_messages import CloseCode, CloseError
from graph.standing import EXPIRED, UnknownStandingError, seconds_left, still_standing
from runtime import metrics
from runtime.logging import get_logger
from runtime.protocols import SOCKET
from runtime.settings import Settings

CLOSE_SECONDS = 5.0

log = get_logger("opsgraph.sockets")


class GraphQLOverWebSocket:
    """The handler of the socket /graphql, and all its open connections."""

    def __init__(self, platform: Platform, settings: Settings) -> None:
        self._platform = platform
        self._settings = settings
        self._open: set[Connection] = set()
        self._stop_listening = platform.authenticator.on_revoked(self._revoked)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = Connection(self._platform, self._settings, scope, receive, send)
        self._open.add(connection)
        metrics.SOCKETS.inc()
        try:
            await connection.run()
        finally:
            self._open.discard(connection)
            metrics.SOCKETS.dec()

    async def close(self) -> None:
        """Ends every socket, because the server stops."""
        self._stop_listening()
        await asyncio.gather(
            *(item.close(CloseCode.RESTART, "The server restarts; connect again.") for item in self._open)
        )

    def _revoked(self, revocation: Revocation) -> None:
        for connection in list(self._open):
            connection.revoked(revocation)


class Connection:
    """One socket, from its handshake to its end."""

    def __init__(self, platform: Platform, settings: Settings, scope: Scope, receive: Receive, send: Send) -> None:
        self._platform = platform
        self._settings = settings
        self._scope = scope
        self._receive = receive
        self._transport_send = send
        connection = scope.get("extensions", {}).get(SOCKET)
        self._write: Callable[[bytes, bytes, bytes], bool] | None = connection.write_text if connection else None
        self._loop = asyncio.get_running_loop()
        self._main: asyncio.Task[Any] | None = None
        self._background: set[asyncio.Task[Any]] = set()
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._timers: list[asyncio.TimerHandle] = []
        self._initialised = False
        self._acknowledged = False
        self._closed = False
        self._dropped = False
        self._ending = False
        self._missed_revocation = False
        self._token: str | None = None
        self._caller = Caller(None)

    async def run(self) -> None:
        """Serve the socket until either side ends it; afterwards nothing of it is left running."""
        self._main = asyncio.current_task()
        try:
            if (await self._receive())["type"] != "websocket.connect":
                return
            if await self._accept():
                await self._read()
        except asyncio.CancelledError:
            if not self._dropped or self._main is None:
                raise
            self._main.uncancel()
        except CloseError as error:
            await self.close(error.code, error.reason)
        except OSError:
            pass  # the client went away during the handshake
        except Exception as error:
            message, _ = masked(error, route="websocket")
            await self.close(CloseCode.INTERNAL, message)
        finally:
            await self._clean_up()

    async def close(self, code: CloseCode, reason: str) -> None:
        """Close the socket, once; a client that does not even take that is dropped."""
        if self._closed:
            return
        self._closed = True
        message = {"type": "websocket.close", "code": int(code), "reason": protocol.reason_text(reason)}
        with suppress(OSError, RuntimeError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._transport_send(message)
        if self._main is not asyncio.current_task():
            self._end()

    def revoked(self, revocation: Revocation) -> None:
        """Something about sessions or permissions changed; ask again when it concerns this socket."""
        if self._caller.actor is None:
            self._missed_revocation = True
        elif revocation.concerns(self._caller.actor):
            self._spawn(self._ask_again())

    async def _accept(self) -> bool:
        headers = dict(self._scope["headers"])
        identifier = request_id(headers)
        self._caller = caller_of(self._scope, headers, None, identifier)
        known = protocol.SUBPROTOCOL in self._scope.get("subprotocols", ())
        await self._transport_send(
            {
                "type": "websocket.accept",
                "subprotocol": protocol.SUBPROTOCOL if known else None,
                "headers": [(b"x-request-id", identifier.encode())],
            }
        )
        if not known:
            raise CloseError(CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, f"Ask for the subprotocol {protocol.SUBPROTOCOL}.")
        wait = self._settings.socket_init_seconds
        self._after(wait, CloseCode.INIT_TIMEOUT, f"No connection_init came within {wait:g} s.")
        return True

    async def _read(self) -> None:
        limit = self._settings.max_body_bytes
        while not self._closed:
            frame = await self._receive()
            if frame["type"] != "websocket.receive":
                self._closed = True
                return
            text = frame.get("text")
            if text is None:
                raise CloseError(CloseCode.BAD_REQUEST, "Binary frames are not read; send JSON in text frames.")
            # UTF-8 is at most four bytes a character: most messages need no encoding to be measured.
            if len(text) * 4 > limit and len(text.encode("utf-8", "replace")) > limit:
                raise CloseError(CloseCode.TOO_BIG, f"The message is larger than {limit} bytes; send less at once.")
            await self._handle(protocol.parse(text))

    async def _handle(self, message: protocol.ClientMessage) -> None:
        match message:
            case protocol.Subscribe():
                await self._subscribe(message)
            case protocol.Complete(identifier):
                if task := self._operations.pop(identifier, None):
                    task.cancel()  # its `finally` closes the stream
            case protocol.Ping(payload):
                await self._send(protocol.pong(payload))
            case protocol.Init(payload):
                await self._initialise(payload)
            case protocol.Pong():
                pass

    async def _initialise(self, payload: dict[str, Any] | None) -> None:
        if self._initialised:
            raise CloseError(CloseCode.TOO_MANY_INITS, "connection_init was sent before; send it once.")
        self._initialised = True
        self._stop_timers()
        self._token = protocol.token_of(payload)
        if self._token is not None:
            self._missed_revocation = False
            self._set_actor(await self._actor(self._token))
            if self._missed_revocation:
                await self._ask_again()
            self._after(seconds_left(self._token), CloseCode.FORBIDDEN, EXPIRED)
        await self._send(protocol.ACK)
        self._acknowledged = True

    async def _actor(self, token: str) -> Actor:
        try:
            return await self._platform.authenticator.actor(token)
        except UnauthenticatedError as error:
            raise CloseError(CloseCode.FORBIDDEN, str(error)) from None
        except Exception as error:
            log.warning("session could not be checked", error=repr(error))
            raise CloseError(CloseCode.TRY_AGAIN, "The session could not be checked; connect again.") from error

    def _set_actor(self, actor: Actor) -> None:
        self._caller = self._caller._replace(actor=actor)

    async def _ask_again(self) -> None:
        assert self._token is not None
        assert self._caller.actor is not None
        try:
            self._set_actor(await still_standing(self._platform.authenticator, self._token, self._caller.actor))
        except (UnauthenticatedError, ForbiddenError) as error:
            await self.close(CloseCode.FORBIDDEN, str(error))
        except UnknownStandingError as error:
            await self.close(CloseCode.RESTART, str(error))

    async def _subscribe(self, message: protocol.Subscribe) -> None:
        if not self._acknowledged:
            raise CloseError(CloseCode.UNAUTHORIZED, "Unauthorized: send connection_init and wait for its answer.")
        if message.id in self._operations:
            raise CloseError(CloseCode.DUPLICATE_ID, f"Subscriber for {message.id} already exists")
        # Operations that were just completed count until they have really ended.
        if len(self._background) >= self._settings.socket_operations:
            problem = {
                "message": f"{len(self._background)} operations run on this socket; complete one first.",
                "extensions": {"code": "RATE_LIMITED"},
            }
            await self._send(protocol.error(message.id, [problem]))
            return
        self._operations[message.id] = self._spawn(self._operate(message))

    async def _operate(self, message: protocol.Subscribe) -> None:
        task = asyncio.current_task()
        try:
            last = await self._results(message)
        except SlowConsumerError as error:
            return await self.close(CloseCode.TRY_AGAIN, str(error))
        except ShutdownError as error:
            return await self.close(CloseCode.RESTART, str(error))
        except Exception as error:
            last = protocol.error(message.id, [to_error(error)])
        finally:
            # A client may have completed this id and begun another operation under it.
            mine = self._operations.get(message.id) is task
            if mine:
                del self._operations[message.id]
        if mine:
            await self._send(last)

    async def _results(self, message: protocol.Subscribe) -> str:
        """Send the operation's results; answers the message that ends it."""
        request, engine = message.request, self._platform.engine
        try:
            kind = (await engine.open(request, self._caller)).kind
        except RefusedError as refused:
            return protocol.error(message.id, refused.errors)
        prefix = protocol.next_prefix(message.id)
        if kind is not OperationType.SUBSCRIPTION:
            outcome = await engine.execute(request, self._caller)
            if not outcome.started:
                return _refused(message.id, outcome)
            await self._send(f"{prefix}{outcome.body.decode()}}}")
            return protocol.complete(message.id)
        stream = engine.subscribe(request, self._caller, self._express(prefix))
        metrics.SUBSCRIPTIONS.inc()
        try:
            async for outcome in stream:
                if not outcome.started:
                    return _refused(message.id, outcome)
                await self._send(f"{prefix}{outcome.body.decode()}}}")
        finally:
            metrics.SUBSCRIPTIONS.dec()
            await stream.aclose()
        return protocol.complete(message.id)

    def _express(self, prefix: str) -> Express | None:
        """Sends a message of a subscription at once; only the operation's id tells it from what others get."""
        write, head = self._write, prefix.encode()
        if write is None:
            return None

        def express(body: bytes) -> bool:
            try:
                return write(head, body, b"}")
            except (OSError, RuntimeError):
                return False  # the socket ends, and its reader hears of it

        return express

    async def _send(self, text: str) -> None:
        """Send one text frame and wait until the transport takes more; drops a client that takes nothing."""
        if self._closed:
            return
        timeout = self._loop.call_later(self._settings.socket_send_seconds, self._drop)
        try:
            await self._transport_send({"type": "websocket.send", "text": text})
        except (OSError, RuntimeError):
            # Servers raise either when they closed the socket beneath us; the reader hears of it too.
            self._closed = True
        finally:
            timeout.cancel()

    def _drop(self) -> None:
        log.warning("slow client dropped", request_id=self._caller.request_id)
        self._closed = True
        self._end()

    def _end(self) -> None:
        """Stop the reader, unless it is ending already; `run` cleans up."""
        if not self._ending and self._main is not None:
            self._dropped = True
            self._main.cancel()

    def _after(self, seconds: float, code: CloseCode, reason: str) -> None:
        self._timers.append(self._loop.call_later(seconds, lambda: self._spawn(self.close(code, reason))))

    def _stop_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _clean_up(self) -> None:
        self._ending = self._closed = True
        self._stop_timers()
        self._operations.clear()
        tasks = list(self._background)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _refused(identifier: str, outcome: Outcome) -> str:
    return protocol.error(identifier, orjson.loads(outcome.body)["errors"])
