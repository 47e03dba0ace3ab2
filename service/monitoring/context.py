"""Which request is being answered: its id, and its place in a distributed trace."""

import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar
from itertools import count
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


class RequestContext:
    """Names every request, by its x-request-id where that is decent, and says the name in the answer.

    While the service drains, answers also tell the client to open its next connection elsewhere.

    Args:
        app: what is called.
        draining: whether the service is about to stop.
    """

    def __init__(self, app: ASGIApp, draining: Callable[[], bool]) -> None:
        self._app = app
        self._draining = draining
        self._process, self._count = secrets.token_hex(4), count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identity = self._identify(scope["headers"])
        name = identity.request_id.encode()

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], (b"x-request-id", name)]
                if self._draining():
                    headers.append((b"connection", b"close"))
                message = {**message, "headers": headers}
            await send(message)

        token = current_request.set(identity)
        try:
            await self._app(scope, receive, named)
        finally:
            current_request.reset(token)

    def _identify(self, headers: list[tuple[bytes, bytes]]) -> RequestIdentity:
        """Return the identity in a request's headers; a request without a decent id gets one."""
        request_id = trace_id = None
        for name, value in headers:
            if name == b"x-request-id" and _ID.fullmatch(value):
                request_id = value.decode()
            elif name == b"traceparent" and (match := _TRACE_PARENT.fullmatch(value)):
                trace_id = match[1].decode()
        # Random numbers would come from the system, which takes longer than all else here.
        return RequestIdentity(request_id or f"{self._process}{next(self._count):08x}", trace_id)
