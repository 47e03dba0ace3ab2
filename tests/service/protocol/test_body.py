"""Bodies: encoded, endless, slow and deep."""

import asyncio
import gzip
import resource
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import (
    BodyTooLargeError,
    ClientGoneError,
    MalformedRequestError,
    TooSlowError,
    UnsupportedEncodingError,
)
from service.protocol.body import inflate, read_body
from tests.conftest import Exported
from tests.service.client import Service, serving

URL = "/v1/models/plant:predict"
BODY = orjson.dumps({"instances": [[20, 5, 1000, 0]]})
LIMIT = 20_000


@pytest.fixture(scope="module")
def service(exported: Exported) -> Iterator[Service]:
    with serving(exported.repository, max_body_bytes=LIMIT) as service:
        yield service


def read(pieces: list[bytes], seconds: float = 10, pause: float = 0, **headers: str) -> bytes:
    """Read a body that comes in pieces."""

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        if not pieces:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    return asyncio.run(read_body(scope, receive, LIMIT, seconds))


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gzip", gzip.compress(BODY)),
        ("GZIP", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY)),
        ("gzip", gzip.compress(BODY[:9]) + gzip.compress(b"") + gzip.compress(BODY[9:])),
        ("deflate", zlib.compress(BODY)),
        ("identity", BODY),
    ],
    ids=["gzip", "upper case", "x-gzip", "a chain", "deflate", "identity"],
)
def test_an_encoded_body_is_predicted_from_like_any_other(service: Service, encoding: str, content: bytes) -> None:
    plain = service.client.post(URL, content=BODY)
    answer = service.client.post(URL, content=content, headers={"content-encoding": encoding})
    assert answer.status_code == 200
    assert answer.json()["predictions"] == plain.json()["predictions"]


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip;q=1", "", "\xff"])
def test_another_encoding_is_a_415_that_names_those_there_are(service: Service, encoding: str) -> None:
    answer = service.client.post(URL, content=BODY, headers={b"content-encoding": encoding.encode("latin-1")})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_encoding")
    assert answer.headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    "content",
    [
        BODY,
        gzip.compress(BODY)[:-1],
        gzip.compress(BODY)[:5],
        gzip.compress(BODY) + b"more",
        zlib.compress(BODY)[2:-4],
        bytes(30),
    ],
    ids=["plain", "no end", "no head", "something after it", "raw deflate", "zeros"],
)
def test_a_body_that_is_not_what_it_says_or_is_cut_short_is_a_400(service: Service, content: bytes) -> None:
    answer = service.client.post(URL, content=content, headers={"content-encoding": "gzip"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed_request")


def test_a_bomb_is_a_413(service: Service) -> None:
    bomb = gzip.compress(bytes(15_000_000))
    assert len(bomb) < LIMIT
    answer = service.client.post(URL, content=bomb, headers={"content-encoding": "gzip"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("members", [1, 50])
def test_a_bomb_is_stopped_at_the_limit_and_never_held_whole(members: int) -> None:
    bomb = gzip.compress(bytes(100_000_000 // members)) * members
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLargeError):
            inflate(bomb, 1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_chain_of_empty_members_cannot_buy_time() -> None:
    chain = gzip.compress(b"") * 200_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    with pytest.raises(MalformedRequestError, match="more than 1024 members"):
        inflate(chain, 4 * 2**20)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 1


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 1000))
def test_inflates_exactly_up_to_the_limit(parts: list[bytes], limit: int) -> None:
    chain = b"".join(gzip.compress(part) for part in parts)
    whole = b"".join(parts)
    if len(whole) > limit:
        with pytest.raises(BodyTooLargeError):
            inflate(chain, limit)
    else:
        assert inflate(chain, limit) == whole


@given(st.binary(max_size=200))
def test_whatever_is_to_be_inflated_is_bytes_or_a_refusal(data: bytes) -> None:
    for start in (b"", gzip.compress(b"x")[:10]):
        with suppress(BodyTooLargeError, MalformedRequestError):
            assert len(inflate(start + data, 100)) <= 100


def test_a_body_with_no_length_is_refused_at_the_byte_over_the_limit_and_no_later() -> None:
    pieces = [b" " * 1000] * 100
    with pytest.raises(BodyTooLargeError):
        read(pieces)
    assert len(pieces) == 100 - 21


@pytest.mark.parametrize("length", ["20001", "9" * 5000])
def test_a_length_over_the_limit_is_refused_before_a_byte_is_read(length: str) -> None:
    pieces = [b""]
    with pytest.raises(BodyTooLargeError):
        read(pieces, content_length=length)
    assert len(pieces) == 1


@pytest.mark.parametrize("length", ["-1", "1e3", "²", ""])
def test_a_length_that_is_none_is_a_400(length: str) -> None:
    with pytest.raises(MalformedRequestError):
        read([b""], content_length=length)


def test_a_body_that_does_not_come_is_a_408() -> None:
    started = time.monotonic()
    with pytest.raises(TooSlowError, match=r"after 0.2 s, the limit of receive_seconds"):
        read([b" "] * 1000, seconds=0.2, pause=0.01)
    assert time.monotonic() - started < 5


def test_a_body_broken_off_is_the_clients_leaving() -> None:
    with pytest.raises(ClientGoneError):
        asyncio.run(read_body({"type": "http", "headers": []}, _gone, LIMIT, 10))


async def _gone() -> dict[str, Any]:
    return {"type": "http.disconnect"}


def test_only_gzip_and_deflate_are_read() -> None:
    with pytest.raises(UnsupportedEncodingError):
        read([b""], content_encoding="br")


def test_a_slow_client_is_told_and_its_connection_ends(exported: Exported) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield BODY[:5]
        await asyncio.sleep(1)
        yield BODY[5:]

    async def post(service: Service) -> list[dict[str, Any]]:
        stream, sent = slow(), []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": await anext(stream), "more_body": True}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": URL, "headers": [], "query_string": b""}
        await service.app(scope, receive, send)
        return sent

    with serving(exported.repository, receive_seconds=0.1) as service:
        start = asyncio.run(post(service))[0]
        assert start["status"] == 408
        assert (b"connection", b"close") in start["headers"]
        assert service.samples()["chainzrule_errors_total{code=request_timeout}"] == 1


@pytest.mark.parametrize("url", [URL, "/v2/models/plant/infer"])
@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b"[" * 50_000 + b"]" * 50_000,
        b'{"instances":' * 10_000,
        b'{"instances":' + b"[" * 100_000,
        b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":' + b"[" * 100_000,
        b'{"inputs":[],"parameters":' + b'{"a":' * 20_000,
    ],
    ids=["brackets", "closed brackets", "objects", "instances", "data", "parameters"],
)
def test_deep_json_is_a_400_and_quickly(exported: Exported, url: str, content: bytes) -> None:
    with serving(exported.repository, max_body_bytes=10**6) as service:
        started = time.process_time()
        answer = service.client.post(url, content=content)
        assert answer.status_code in {400, 413}
        assert time.process_time() - started < 2
