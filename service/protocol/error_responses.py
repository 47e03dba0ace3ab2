"""What each error means over HTTP, in one place."""

import logging
from typing import cast

import orjson
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service import errors
from service.monitoring.metrics import Metrics

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
    errors.NonFiniteValueError: 400,
    errors.BodyTooLargeError: 413,
    errors.TooManyRowsError: 413,
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
}
"""Anything else is a 500. Nobody is left to read the 499; it is nginx's, and keeps such requests out of the 5xx."""


def error_response(path: str, error: errors.ServiceError, headers: dict[str, str] | None = None) -> Response:
    """Return the answer for `error`: a string under /v2, where that is the protocol, and an object elsewhere."""
    headers = dict(headers or {})
    match error:
        case errors.OverloadedError():
            headers["retry-after"] = str(error.retry_after)
        case errors.NotReadyError() | errors.DeadlineError():
            headers["retry-after"] = "1"
        case errors.UnauthorizedError():
            headers["www-authenticate"] = "Bearer"
    content: object = error.message
    if not (path == "/v2" or path.startswith("/v2/")):
        content = {"code": error.code, "message": error.message}
        content |= {key: value for key in ("row", "field") if (value := getattr(error, key)) is not None}
    return Response(
        orjson.dumps({"error": content}),
        status_code=STATUSES.get(type(error), 500),
        media_type="application/json",
        headers=headers,
    )


def install(app: FastAPI, metrics: Metrics) -> None:
    """Answer every error of the service, of the framework and of nobody's foresight in the one shape, and count it."""

    def answer(request: Request, error: errors.ServiceError, headers: dict[str, str] | None = None) -> Response:
        metrics.errors.labels(error.code).inc()
        return error_response(request.url.path, error, headers)

    async def service_error(request: Request, error: Exception) -> Response:
        known = cast("errors.ServiceError", error)
        if STATUSES.get(type(known), 500) == 500:
            _log.error("request failed", extra={"code": known.code, "reason": known.message})
        return answer(request, known)

    async def framework_error(request: Request, error: Exception) -> Response:
        raised = cast("HTTPException", error)
        known: errors.ServiceError
        if raised.status_code == 404:
            known = errors.RouteNotFoundError(f"there is no {request.url.path}; /docs lists what there is")
        elif raised.status_code == 405:
            known = errors.MethodNotAllowedError(f"{request.url.path} does not take {request.method}; see /docs")
        else:
            known = errors.MalformedRequestError(str(raised.detail))
        return answer(request, known, dict(raised.headers or {}))

    async def unforeseen(request: Request, _error: Exception) -> Response:
        # Starlette logs the traceback; the client learns only that it is not to blame.
        return answer(request, errors.ServiceError("the service failed; its log has the reason"))

    app.add_exception_handler(errors.ServiceError, service_error)
    app.add_exception_handler(HTTPException, framework_error)
    app.add_exception_handler(Exception, unforeseen)
