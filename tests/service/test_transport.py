"""Connections as they come, over a real socket, to an application that says what it read."""

import asyncio
import time

import pytest

from tests.service.conversation import LIMIT, PATIENT, SECONDS, all_of, answer, request, sending, talk


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


def test_requests_sent_ahead_without_end_are_a_400_after_the_answers_that_are_due() -> None:
    text, codes = talk(sending(b"".join(request("/quick") for _ in range(2000))))
    assert 1 <= text.count(b"/quick 0;") <= 257
    assert b"HTTP/1.1 400" in text[text.rindex(b"/quick 0;") :]
    assert codes == ["malformed_request"]


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
        b'send fewer or shorter ones, or raise max_header_bytes"}}'
    )
    assert b"connection: close" in status
    assert codes == ["head_too_large"]


def test_a_large_head_that_fits_is_read() -> None:
    head = request(extra="connection: close\r\nx-filler: " + "y" * (LIMIT - 120) + "\r\n")
    text, _ = talk(sending(head[:1000], head[1000:1900], head[1900:], pause=0.01))
    assert text.startswith(b"HTTP/1.1 200")


CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        (CHUNKED + b"1\r\nz\r\n0\r\n" + b"x-trailer: y\r\n" * LIMIT + b"\r\n",),
        (CHUNKED, b"0\r\n", *[b"x-trailer: y\r\n" * 50] * 50),
        (CHUNKED, b"0\r\nx-trailer: ", *[b"y" * 500] * 50),
        (CHUNKED, b"1;extension=", *[b"y" * 500] * 50),
        (CHUNKED, *[b"1;extension=" + b"y" * 200 + b"\r\nz\r\n"] * 50),
        (CHUNKED, *[b"0" * 500] * 50),
    ],
    ids=["at once", "many fields", "endless field", "endless extension", "many extensions", "endless size"],
)
def test_what_a_chunked_body_has_beside_its_content_is_bounded_as_a_head_is(pieces: tuple[bytes, ...]) -> None:
    text, codes = talk(sending(*pieces, pause=0.001), seconds=10)
    assert text.startswith(b"HTTP/1.1 431 Request Header Fields Too Large")
    assert text.count(b"HTTP/1.1") == 1
    assert codes == ["head_too_large"]


def test_trailer_fields_that_fit_are_dropped_and_chunks_may_be_small() -> None:
    chunks = b"1\r\nz\r\n" * 10 * LIMIT

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        for _ in range(3):
            writer.write(CHUNKED + chunks + b"0\r\nx-trailer: y\r\n\r\n")
            text = await answer(reader)
        for byte in CHUNKED + chunks[:600] + b"0\r\nx-trailer: y\r\n\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
        assert (await answer(reader)).endswith(b"/ 100;")
        return text

    text, codes = talk(conversation)
    assert text.endswith(f"/ {10 * LIMIT};".encode())
    assert codes == []


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
