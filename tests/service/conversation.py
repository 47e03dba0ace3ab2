"""A conversation over a real socket with an application that says what it read."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from service.errors import ServiceError
from service.transport import Bounds, bounded

LIMIT = 2048
SECONDS = 0.4
PATIENT = 20.0
LARGE = 20_000_000
"""More than the kernel holds of what is not read."""

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the number of bytes in the body; wait, do not read it, or say a lot, where the path says so."""
    size = 0
    while scope["path"] != "/deaf":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        if not message["more_body"]:
            break
    if scope["path"] == "/slow":
        await asyncio.sleep(2 * SECONDS)
    body = f"{scope['path']} {size};".encode()
    if scope["path"] == "/large":
        body = b"z" * LARGE
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    # A client could change it after the fact, by fields behind the body.
    assert not any(name.startswith(b"x-trailer") for name, _ in scope["headers"])


def talk(conversation: Talk, *, seconds: float = SECONDS, keep_alive: int = 75) -> tuple[Any, list[str]]:
    """Have a conversation over one connection; return what came of it and the codes of the refusals."""
    codes: list[str] = []

    def refused(error: ServiceError) -> None:
        codes.append(error.code)

    async def run() -> Any:
        config = uvicorn.Config(application, timeout_keep_alive=keep_alive, log_config=None)
        config.load()
        state, protocol = ServerState(), bounded(Bounds(LIMIT, seconds, refused))
        server = await asyncio.get_running_loop().create_server(
            lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        try:
            return await asyncio.wait_for(conversation(reader, writer), PATIENT)
        finally:
            writer.close()
            server.close()
            await asyncio.sleep(0)
            for task in state.tasks:
                task.cancel()

    # The loop that serves, where there is one.
    with asyncio.Runner(loop_factory=uvicorn.Config(application, log_config=None).get_loop_factory()) as runner:
        return runner.run(run()), codes


def request(path: str = "/", body: bytes = b"", extra: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nhost: x\r\n{extra}content-length: {len(body)}\r\n\r\n".encode() + body


async def all_of(reader: asyncio.StreamReader) -> bytes:
    """Read until the server ends the connection."""
    return await reader.read()


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return head + await reader.readexactly(size)


def sending(*pieces: bytes, pause: float = 0.0) -> Talk:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        return await all_of(reader)

    return conversation
