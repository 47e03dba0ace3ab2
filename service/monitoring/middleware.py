"""Naming, counting and logging requests, around everything else."""

import logging
from collections.abc import Callable
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.monitoring.context import current_request, identify
from service.monitoring.metrics import Metrics

_log = logging.getLogger(__name__)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

UNMATCHED = "unmatched"
"""The route of what was answered before or without one: no such path, no key, a preflight."""

STARTED_KEY = "chainzrule.started"
"""Where a request's scope says that its answer has begun."""


def route_of(scope: Scope) -> str:
    """Return the template of the route that a request was given to; never what its client wrote."""
    return getattr(scope.get("route"), "path", UNMATCHED)


def method_of(scope: Scope) -> str:
    """Return a request's method, or "other" for what is none of HTTP's own."""
    return scope["method"] if scope["method"] in _METHODS else "other"


class RequestFrame:
    """Names, counts and times every HTTP request; at level debug, logs it too.

    Its name is its x-request-id where that is decent, else a new one, and the answer says it. While the service drains,
    answers also tell the client to open its next connection elsewhere. It is counted by its route's template.

    Args:
        app: what is called.
        metrics: where requests are counted.
        draining: whether the service is about to stop.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, draining: Callable[[], bool]) -> None:
        self._app = app
        self._metrics = metrics
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identity = identify(scope["headers"])
        status, sent = 500, 0
        started = perf_counter()

        async def observed(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                scope[STARTED_KEY] = True
                headers = message["headers"] = [*message["headers"], (b"x-request-id", identity.request_id.encode())]
                if self._draining():
                    headers.append((b"connection", b"close"))
            else:
                sent += len(message.get("body", b""))
            await send(message)

        token = current_request.set(identity)
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
            current_request.reset(token)
