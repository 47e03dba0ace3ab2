"""What each error means over HTTP, in one place."""

import logging
from collections.abc import Mapping
from typing import cast

import orjson
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service import errors
from service.monitoring.metrics import Metrics
from service.monitoring.middleware import STARTED_KEY, route_of

_log = logging.getLogger(__name__)

STATUSES: dict[type[errors.ServiceError], int] = {
    errors.RouteNotFoundError: 404,
    errors.MethodNotAllowedError: 405,
    errors.ModelNotFoundError: 404,
    errors.MalformedRequestError: 400,
    errors.EmptyBatchError: 400,
    errors.MissingFeatureError: 400,
    errors.UnknownFeatureError: 400,
    errors.WrongTypeError: 400,
    errors.UnsupportedParameterError: 400,
    errors.NonFiniteValueError: 400,
    errors.EmptyTextError: 400,
    errors.InvalidImageError: 400,
    errors.BodyTooLargeError: 413,
    errors.TooManyPixelsError: 413,
    errors.TooManyRowsError: 413,
    errors.HeadTooLargeError: 431,
    errors.ClientGoneError: 499,
    errors.TooSlowError: 408,
    errors.UnsupportedEncodingError: 415,
    errors.UnauthorizedError: 401,
    errors.ForbiddenError: 403,
    errors.InvalidModelError: 400,
    errors.NotReadyError: 503,
    errors.OverloadedError: 503,
    errors.DeadlineError: 504,
    errors.NonFiniteOutputError: 500,
    errors.FeedbackUnknownError: 404,
    errors.FeedbackExpiredError: 410,
    errors.FeedbackDuplicateError: 409,
    errors.FeedbackRowError: 400,
    errors.FeedbackLabelError: 400,
}
"""Anything else is a 500. Nobody is left to read the 499; it is nginx's, and keeps such requests out of the 5xx."""


CODE_KEY = "chainzrule.error"
"""Where a request's scope holds the code of the error it was answered with."""

FAILURE_KEY = "chainzrule.failure"
"""Where it holds the exception that nobody foresaw."""


def error_response(path: str, error: errors.ServiceError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer for `error`: a string under /v2, where that is the protocol, and an object elsewhere."""
    headers = dict(headers or {})
    match error:
        case errors.OverloadedError():
            headers["retry-after"] = str(error.retry_after)
        case errors.NotReadyError() | errors.DeadlineError():
            headers["retry-after"] = "1"
        case errors.UnauthorizedError():
            headers["www-authenticate"] = "Bearer"
        case errors.UnsupportedEncodingError():
            headers["accept-encoding"] = "gzip, deflate"
        case errors.TooSlowError():
            headers["connection"] = "close"
    message = encodable(error.message)
    content: object = message
    if not (path == "/v2" or path.startswith("/v2/")):
        field = None if error.field is None else encodable(error.field)
        content = {"code": error.code, "message": message, "row": error.row, "field": field}
        content = {key: value for key, value in content.items() if value is not None}
    return Response(
        orjson.dumps({"error": content}),
        status_code=STATUSES.get(type(error), 500),
        media_type="application/json",
        headers=headers,
    )


def encodable(text: str) -> str:
    """Return a text without the half characters that JSON can write and UTF-8 cannot, which a client may send."""
    return text.encode(errors="replace").decode()


class ErrorAnswers:
    """Answers errors in the one shape, and counts them.

    Args:
        metrics: where they are counted.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def answer(self, scope: Scope, error: errors.ServiceError, headers: Mapping[str, str] | None = None) -> Response:
        """Return the answer for `error` to the request of `scope`."""
        self._metrics.record_error(error)
        scope[CODE_KEY] = error.code
        return error_response(scope["path"], error, headers)

    def refuse(self, scope: Scope, error: errors.ServiceError) -> Response:
        """Return the answer to a request that ended with `error`; the log has what is the service's own fault."""
        if STATUSES.get(type(error), 500) == 500:
            _log.error("request failed", extra={"code": error.code, "reason": error.message})
        return self.answer(scope, error)

    def install(self, app: FastAPI) -> None:
        """Answer every error of the service and of the framework."""

        async def service_error(request: Request, error: Exception) -> Response:
            return self.refuse(request.scope, cast("errors.ServiceError", error))

        async def framework_error(request: Request, error: Exception) -> Response:
            raised = cast("HTTPException", error)
            path = errors.shown(request.scope["path"])
            known: errors.ServiceError
            if raised.status_code == 404:
                known = errors.RouteNotFoundError(f"there is no {path}; /docs lists what there is")
            elif raised.status_code == 405:
                known = errors.MethodNotAllowedError(f"{path} does not take {request.method}; see /docs")
            else:
                known = errors.MalformedRequestError(str(raised.detail))
            return self.answer(request.scope, known, raised.headers)

        app.add_exception_handler(errors.ServiceError, service_error)
        app.add_exception_handler(HTTPException, framework_error)


class Failures:
    """Answers what nobody foresaw: the log has the traceback, the client learns only that it is not to blame.

    Args:
        app: what is called.
        answers: how errors are answered.
    """

    def __init__(self, app: ASGIApp, answers: ErrorAnswers) -> None:
        self._app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except Exception as failure:
            if scope.get(FAILURE_KEY) is failure:
                raise  # an inner one has said all there is to say
            scope[FAILURE_KEY] = failure
            _log.exception("request failed", extra={"route": route_of(scope)})
            answer = self._answers.answer(scope, errors.ServiceError("the service failed; its log has the reason"))
            if scope.get(STARTED_KEY):
                # Half an answer is out: only a broken connection can tell the client.
                raise
            await answer(scope, receive, send)
