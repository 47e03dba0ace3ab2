"""Predictions, ahead of FastAPI's routing: it describes them, and its own way to them takes longer than they do."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import ServiceError
from service.protocol.error_responses import ErrorAnswers

Handler = Callable[..., Awaitable[Response]]
"""Answers a request, given its scope, where its body comes from, and the parameters in its path."""


class _Route(NamedTuple):
    path: str
    """the template, which is what metrics call the route"""
    handler: Handler


class DirectRoutes:
    """Answers POSTs to some of an application's routes itself, as the application would, and leaves it the rest.

    Args:
        app: FastAPI's part; it has the same routes, for its description of them.
        routes: handlers by path template.
        answers: how errors are answered.
    """

    def __init__(self, app: ASGIApp, routes: Mapping[str, Handler], answers: ErrorAnswers) -> None:
        self._app = app
        self._answers = answers
        self._routes = [(compile_path(path)[0], _Route(path, handler)) for path, handler in routes.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            for pattern, route in self._routes:
                if found := pattern.match(scope["path"]):
                    scope["route"] = route
                    try:
                        response = await route.handler(scope, receive, *found.groups())
                    except ServiceError as error:
                        response = self._answers.refuse(scope, error)
                    await response(scope, receive, send)
                    return
        await self._app(scope, receive, send)
