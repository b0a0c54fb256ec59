"""The floor: a Starlette application that sends a text to all its WebSockets, and nothing else.

POST /send broadcasts its body; the answer comes when it is sent.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

sockets: set[WebSocket] = set()


async def listen(socket: WebSocket) -> None:
    await socket.accept(subprotocol="graphql-transport-ws")
    sockets.add(socket)
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        sockets.discard(socket)


async def send(request: Request) -> PlainTextResponse:
    text = (await request.body()).decode()
    for socket in list(sockets):
        await socket.send_text(text)
    return PlainTextResponse("sent")


async def health(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("well")


app = Starlette(routes=[WebSocketRoute("/graphql", listen), Route("/send", send, methods=["POST"]), Route("/", health)])
