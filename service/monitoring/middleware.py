"""Counting and logging requests, around everything else."""

import logging
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.monitoring.metrics import Metrics

_log = logging.getLogger(__name__)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

UNMATCHED = "unmatched"
"""The route of what was answered before or without one: no such path, no key, a preflight."""


def route_of(scope: Scope) -> str:
    """Return the template of the route that a request was given to; never what its client wrote."""
    return getattr(scope.get("route"), "path", UNMATCHED)


def method_of(scope: Scope) -> str:
    """Return a request's method, or "other" for what is none of HTTP's own."""
    return scope["method"] if scope["method"] in _METHODS else "other"


class RequestMetrics:
    """Counts and times every HTTP request by its route's template; at level debug, logs it too.

    Args:
        app: what is measured.
        metrics: where it is counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, sent = 500, 0
        started = perf_counter()

        async def observed(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        self._metrics.open_requests += 1
        try:
            await self._app(scope, receive, observed)
        finally:
            seconds = perf_counter() - started
            self._metrics.open_requests -= 1
            route, method = route_of(scope), method_of(scope)
            self._metrics.record_request(route, method, status, seconds)
            if _log.isEnabledFor(logging.DEBUG):
                answered = {"method": method, "route": route, "status": status}
                _log.debug("request answered", extra=answered | {"seconds": round(seconds, 6), "bytes": sent})
