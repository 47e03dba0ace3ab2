"""Reading a request body within its limits."""

import asyncio
import zlib
from typing import Final

from starlette.types import Receive, Scope

from service.errors import (
    BodyTooLargeError,
    ClientGoneError,
    MalformedRequestError,
    TooSlowError,
    UnsupportedEncodingError,
)

_LONGEST_LENGTH = 18
"""Digits of a number of bytes that anyone can mean."""

_ANY_HEADER = 32 + zlib.MAX_WBITS
"""zlib's word for "gzip or zlib, whichever the data say"."""

_ENCODINGS = frozenset({b"gzip", b"x-gzip", b"deflate"})

BODY_IS_HERE: Final = "chainzrule.body_is_here"
"""What a request's scope has where its body has arrived whole: no clock need run while it is read."""

_PIECE = 16 * 2**10
"""Compressed bytes looked at together: what a member leaves of them is copied once for each member."""

_MOST_MEMBERS = 1024
"""gzip data may be a chain of members; empty ones cost time and add no bytes to any limit."""


async def read_body(scope: Scope, receive: Receive, limit: int, seconds: float) -> bytes:
    """Return the whole body, inflated, refusing it as soon as it is known to be over `limit` bytes.

    Args:
        scope: the request.
        receive: where its body comes from.
        limit: most bytes, as sent and inflated.
        seconds: how long the client has to send it.

    Raises:
        BodyTooLargeError: before reading, where the length is announced, else at the byte over the limit.
        MalformedRequestError: if the announced length is not a number, or the body is not what its encoding says.
        UnsupportedEncodingError: if it is encoded otherwise than with gzip or deflate.
        TooSlowError: if it is not whole in time.
        ClientGoneError: if the client hangs up.
    """
    announced, encoding = b"0", b"identity"
    for name, value in reversed(scope["headers"]):  # of two, the first counts
        if name == b"content-length":
            announced = value
        elif name == b"content-encoding":
            encoding = value.strip().lower()
    if not announced.isdigit():
        raise MalformedRequestError("content-length is not a number of bytes")
    # Python refuses to read a number of thousands of digits.
    if len(announced) > _LONGEST_LENGTH or int(announced) > limit:
        raise _too_large(limit)
    if encoding != b"identity" and encoding not in _ENCODINGS:
        raise UnsupportedEncodingError("the body's content-encoding is not read here: send gzip, deflate or none")
    if scope.get(BODY_IS_HERE):
        body = await _read(receive, limit)
    else:
        try:
            async with asyncio.timeout(seconds):
                body = await _read(receive, limit)
        except TimeoutError:
            raise TooSlowError(f"the body was not whole after {seconds:g} s, the limit of receive_seconds") from None
    return body if encoding == b"identity" else inflate(body, limit)


async def _read(receive: Receive, limit: int) -> bytes:
    """Return the body as it was sent.

    Raises:
        BodyTooLargeError: at the first byte over `limit`.
        ClientGoneError: if the client hangs up.
    """
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError("the client closed the connection before its request was whole")
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def inflate(data: bytes, limit: int) -> bytes:
    """Return gzip or zlib data inflated, stopping at the first byte over `limit`.

    Raises:
        BodyTooLargeError: if there is more than that in it.
        MalformedRequestError: if it is neither, or cut short.
    """
    inflated = bytearray()
    left, rest = memoryview(data), b""
    stream = None
    members = 0
    try:
        while rest or left:
            if not rest:
                rest, left = bytes(left[:_PIECE]), left[_PIECE:]
            if stream is None:
                stream = zlib.decompressobj(_ANY_HEADER)
                members += 1
                if members > _MOST_MEMBERS:
                    raise MalformedRequestError(f"the body's gzip data has more than {_MOST_MEMBERS} members")
            inflated += stream.decompress(rest, limit + 1 - len(inflated))
            if len(inflated) > limit:
                raise _too_large(limit)
            rest = stream.unused_data
            if stream.eof:
                stream = None
    except zlib.error as error:
        raise MalformedRequestError(f"the body is not what its content-encoding says: {error}") from None
    if stream is not None:
        raise MalformedRequestError("the body is cut short: its compressed data has no end")
    return bytes(inflated)


def _too_large(limit: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"the body is over the limit of {limit} bytes: send fewer rows, or raise max_body_bytes")
