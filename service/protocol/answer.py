"""A whole answer over HTTP."""

from collections.abc import Iterable
from typing import Final

from starlette.responses import Response

Header = tuple[bytes, bytes]

JSON: Final[Header] = (b"content-type", b"application/json")
OCTETS: Final[Header] = (b"content-type", b"application/octet-stream")


class Answer(Response):
    """A response whose headers are bytes already, which saves looking at each of them once more.

    Args:
        body: all of it.
        headers: names in lower case; content-length is added.
    """

    def __init__(self, body: bytes, headers: Iterable[Header]) -> None:
        self.status_code = 200
        self.body = body
        self.background = None
        self.raw_headers = [*headers, (b"content-length", b"%d" % len(body))]
