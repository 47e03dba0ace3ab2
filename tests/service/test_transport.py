"""Connections as they come, over a real socket, to an application that says what it read."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from service.errors import ServiceError
from service.transport import Bounds, bounded

LIMIT = 2048
SECONDS = 0.4
PATIENT = 20.0

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the number of bytes in the body; wait, or do not read it, where the path says so."""
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
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


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

    return asyncio.run(run()), codes


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


def test_many_requests_on_one_connection_and_more_bytes_than_a_head_may_have() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        answers = 0
        started = time.monotonic()
        # More bytes than one head may have, and longer than one head may take.
        while answers < 200 or time.monotonic() - started < 1.5 * SECONDS:
            writer.write(request(extra="x-filler: " + "y" * 200 + "\r\n", body=b"z" * 100))
            assert (await answer(reader)).endswith(b"/ 100;")
            answers += 1
        return answers

    answers, codes = talk(conversation)
    assert answers >= 200
    assert codes == []


@pytest.mark.parametrize("size", [10 * LIMIT, 3_000_000])
def test_a_head_and_a_large_body_in_one_packet_are_a_good_request(size: int) -> None:
    text, codes = talk(sending(request(body=b"z" * size, extra="connection: close\r\n")))
    assert text.endswith(f"/ {size};".encode())
    assert codes == []


def test_a_slow_body_is_not_the_transports_business() -> None:
    whole = request(body=b"z" * 8, extra="connection: close\r\n")
    text, codes = talk(sending(whole[:-8], *[b"z"] * 8, pause=SECONDS / 4))
    assert text.endswith(b"/ 8;")
    assert codes == []


def test_pipelined_requests_are_answered_in_order() -> None:
    pipeline = b"".join(request(f"/{index}", b"z" * 100) for index in range(100))
    text, codes = talk(sending(pipeline + request("/last", extra="connection: close\r\n")))
    assert [part.split(b"\r\n\r\n/")[1] for part in text.split(b";") if part] == [
        *(f"{index} 100".encode() for index in range(100)),
        b"last 0",
    ]
    assert codes == []


def test_a_slow_answer_is_not_cut_by_what_is_pipelined_behind_it() -> None:
    text, codes = talk(sending(request("/slow"), b"POST / HTTP/1.1\r\nx-filler: ", b"y" * 2 * LIMIT, pause=0.05))
    first, second = text.split(b"/slow 0;")
    assert first.startswith(b"HTTP/1.1 200")
    assert second.startswith(b"HTTP/1.1 431")
    assert codes == ["head_too_large"]


def test_half_a_head_behind_a_slow_answer_has_its_time_after_it() -> None:
    text, codes = talk(sending(request("/slow") + b"POST / HTTP/1.1\r\nho"))
    first, second = text.split(b"/slow 0;")
    assert first.startswith(b"HTTP/1.1 200")
    assert second.startswith(b"HTTP/1.1 408")
    assert codes == ["request_timeout"]


@pytest.mark.parametrize(
    "pieces",
    [
        (request(extra="x-filler: " + "y" * LIMIT + "\r\n"),),
        (request(extra="x-filler: y\r\n" * LIMIT),),
        (b"GET /" + b"y" * LIMIT + b" HTTP/1.1\r\nhost: x\r\n\r\n",),
        (b"GET / HTTP/1.1\r\nendless: ", *[b"y" * 500] * 50),
        (b"GET / HTTP/1.1\r\nendless", *[b"y" * 500] * 50),
        (b"GET /", *[b"y" * 500] * 50),
        (request(body=b"z"), b"GET / HTTP/1.1\r\nendless: ", *[b"y" * 500] * 50),
    ],
    ids=["one header", "many headers", "the path", "endless value", "endless name", "endless path", "second request"],
)
def test_a_head_that_is_too_large_is_a_431(pieces: tuple[bytes, ...]) -> None:
    text, codes = talk(sending(*pieces, pause=0.001), seconds=10)
    status = text.rpartition(b"HTTP/1.1 ")[2]
    assert status.startswith(b"431 Request Header Fields Too Large")
    assert status.endswith(
        b'{"error":{"code":"head_too_large","message":"the request line and headers are over the limit of 2048 bytes: '
        b'send fewer or shorter headers, or raise max_header_bytes"}}'
    )
    assert b"connection: close" in status
    assert codes == ["head_too_large"]


def test_a_large_head_that_fits_is_read() -> None:
    head = request(extra="connection: close\r\nx-filler: " + "y" * (LIMIT - 120) + "\r\n")
    text, _ = talk(sending(head[:1000], head[1000:1900], head[1900:], pause=0.01))
    assert text.startswith(b"HTTP/1.1 200")


def test_a_head_that_drips_is_a_408() -> None:
    started = time.monotonic()
    text, codes = talk(sending(*[bytes([byte]) for byte in request()[:12]], pause=SECONDS / 8))
    assert text.startswith(b"HTTP/1.1 408 Request Timeout")
    assert b'"code":"request_timeout"' in text
    assert codes == ["request_timeout"]
    assert time.monotonic() - started < PATIENT / 2


def test_a_second_head_that_drips_is_a_408_too() -> None:
    text, codes = talk(sending(request(body=b"z"), request()[:9]))
    assert text.count(b"HTTP/1.1 200") == 1
    assert text.count(b"HTTP/1.1 408") == 1
    assert codes == ["request_timeout"]


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n"])
def test_a_connection_on_which_nothing_is_asked_ends_without_a_word(sent: bytes) -> None:
    text, codes = talk(sending(sent))
    assert (text, codes) == (b"", [])


def test_an_idle_connection_ends_by_the_keep_alive_timeout_without_a_word() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(request(body=b"z" * 10))
        await answer(reader)
        return await all_of(reader)

    started = time.monotonic()
    rest, codes = talk(conversation, keep_alive=1)
    # Longer than a head may take.
    assert time.monotonic() - started > 1 > 2 * SECONDS
    assert (rest, codes) == (b"", [])


def test_a_body_that_no_answer_waited_for_cannot_drip_for_ever() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
        writer.write(b"POST /deaf HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200")
        started = time.monotonic()
        end = asyncio.ensure_future(reader.read())
        while not end.done():
            writer.write(b"z")
            await asyncio.wait([end], timeout=0.02)
        # The end may be a reset: the server did not read everything.
        end.exception()
        return time.monotonic() - started

    seconds, codes = talk(conversation)
    assert seconds < PATIENT / 2
    assert codes == []


def test_a_body_that_no_answer_waited_for_may_end_and_the_connection_goes_on() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"POST /deaf HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n")
        await answer(reader)
        writer.write(b"zzz")
        await asyncio.sleep(1.5 * SECONDS)
        writer.write(request("/next"))
        return await answer(reader)

    text, codes = talk(conversation)
    assert text.endswith(b"/next 0;")
    assert codes == []


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nzz",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: " + b"9" * 400 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nnot a chunk",
        b"POST / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\nzz",
        b"GET \xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
)
def test_what_is_not_a_request_is_a_400_in_the_one_shape(sent: bytes) -> None:
    text, codes = talk(sending(sent))
    assert text.startswith(b"HTTP/1.1 400 Bad Request")
    assert b'{"error":{"code":"malformed_request","message":"' in text
    assert codes == ["malformed_request"]


def test_under_v2_a_refusal_is_a_string_as_the_protocol_has_it() -> None:
    text, _ = talk(sending(b"GET /v2/models HTTP/1.1\r\nx-filler: " + b"y" * LIMIT + b"\r\n\r\n"))
    assert b'{"error":"the request line' in text
