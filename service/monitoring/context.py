"""Which request is being answered: its id, and its place in a distributed trace."""

import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from itertools import count
from typing import NamedTuple

_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_TRACE_PARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class RequestIdentity(NamedTuple):
    """What a request is called in logs."""

    request_id: str
    trace_id: str | None
    """of the W3C trace that it is part of, where there is one"""
    span_id: str | None = None
    """of this service's part in that trace, where it is exported"""


current_request: ContextVar[RequestIdentity | None] = ContextVar("current_request", default=None)
"""The request that the running task answers."""


_process, _requests = secrets.token_hex(4), count(1)


def identify(headers: Iterable[tuple[bytes, bytes]]) -> RequestIdentity:
    """Return the identity in a request's headers; a request without a decent id gets one."""
    request_id = trace_id = None
    for name, value in headers:
        if name == b"x-request-id" and _ID.fullmatch(value):
            request_id = value.decode()
        elif name == b"traceparent" and (match := _TRACE_PARENT.fullmatch(value)):
            trace_id = match[1].decode()
    # Counted, since random numbers come from the system, which takes longer than all else here.
    return RequestIdentity(request_id or f"{_process}{next(_requests):08x}", trace_id)
