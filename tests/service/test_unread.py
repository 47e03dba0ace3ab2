"""Clients that do not read what they asked for, or not soon."""

import asyncio
import time

import pytest

from tests.service.conversation import LARGE, PATIENT, SECONDS, answer, request, talk

CLOSING = "connection: close\r\n"


async def ended(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
    """Read nothing until the connection is reset; return the seconds until then."""
    started = time.monotonic()
    while not writer.transport.is_closing():
        # Only what is sent to a closed connection tells that it is.
        writer.write(b"\r\n")
        await asyncio.sleep(0.02)
    del reader
    return time.monotonic() - started


@pytest.mark.parametrize(
    "asked",
    [
        request("/large"),
        request("/large", extra=CLOSING),
        request("/large") * 3,
        request("/large") + b"what is no request\r\n\r\n",
    ],
    ids=["an answer", "a last answer", "answers", "an answer and a refusal"],
)
def test_a_connection_of_which_nothing_is_read_ends(asked: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
        writer.write(asked)
        await asyncio.sleep(0.2)
        return await ended(reader, writer)

    seconds, _ = talk(conversation)
    assert SECONDS / 4 < seconds < PATIENT / 4
    assert "Exception" not in caplog.text


@pytest.mark.parametrize("extra", ["", CLOSING], ids=["one of many", "the last"])
def test_an_answer_that_is_read_slowly_is_read_whole(extra: str) -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        writer.write(request("/large", extra=extra) * (1 if extra else 2))
        size = 0
        for _ in range(1 if extra else 2):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            for _ in range(20):
                size += len(await reader.readexactly(LARGE // 20))
                await asyncio.sleep(SECONDS / 6)
        return size

    size, codes = talk(conversation)
    assert size == LARGE * (1 if extra else 2)
    assert codes == []


def test_a_connection_that_was_read_goes_on() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(request("/large"))
        await answer(reader)
        await asyncio.sleep(2.5 * SECONDS)
        writer.write(request("/next"))
        return await answer(reader)

    text, _ = talk(conversation)
    assert text.endswith(b"/next 0;")
