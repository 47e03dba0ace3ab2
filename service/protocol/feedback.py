"""`/v1/models/{name}:feedback`: what was right, told by those who have found out."""

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Final

import msgspec
import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.core import Core
from service.errors import (
    EmptyBatchError,
    ForbiddenError,
    MalformedRequestError,
    ServiceError,
    TooManyRowsError,
    shown,
)
from service.monitoring.true_label import TrueLabel
from service.protocol.body import read_body
from service.protocol.documentation import FEEDBACK
from service.protocol.error_responses import encodable

Judge = Callable[[str, str | None, Sequence[TrueLabel]], Awaitable[list[ServiceError | None]]]
"""Counts what is told of the rows of a model, or of one version of it, and says why not, for each."""

_SHAPE: Final = (
    'send {"feedback": [{"id": the answer\'s id, "row": 0, "label": the true class}, ...]}, or "value": the true number'
)

_A_PIECE = 256
"""Labels judged at a time: they take two milliseconds, and health must not wait for thousands."""


class _Body(msgspec.Struct):
    feedback: list[msgspec.Raw]


_BODY: Final = msgspec.json.Decoder(_Body)
_TRUE_LABEL: Final = msgspec.json.Decoder(TrueLabel)


def feedback_router(core: Core, judge: Judge) -> APIRouter:
    """Return the routes that take feedback.

    Args:
        core: what serves.
        judge: counts it, wherever it was answered.
    """
    router = APIRouter(prefix="/v1/models", tags=["feedback"])
    settings, loop_time = core.settings, core.loop_time

    async def take(request: Request, name: str, version: str | None = None) -> Response:
        if not core.feedback.taken:
            raise ForbiddenError("feedback is not taken here: the setting feedback_rows is 0")
        core.repository.get(name)
        body = await read_body(request.scope, request.receive, settings.max_body_bytes, settings.receive_seconds)
        items = _items(body, settings.max_rows)
        refused: list[tuple[int, ServiceError]] = []
        for start in range(0, len(items), _A_PIECE):
            await loop_time.turn()
            began = perf_counter()
            read = [_read(item) for item in items[start : start + _A_PIECE]]
            told = [item for item in read if isinstance(item, TrueLabel)]
            verdicts = iter(await judge(name, version, told))
            loop_time.spend(perf_counter() - began)
            outcomes = [next(verdicts) if isinstance(item, TrueLabel) else item for item in read]
            refused += [(start + index, refusal) for index, refusal in enumerate(outcomes) if refusal is not None]
        accepted = len(items) - len(refused)
        for _, refusal in refused[0 if accepted else 1 :]:
            core.metrics.record_error(refusal)
        if not accepted:
            raise refused[0][1]  # and counted where it is answered
        return _answer(accepted, refused)

    @router.post("/{name}:feedback", response_class=Response, openapi_extra=FEEDBACK)
    async def feedback(request: Request, name: str) -> Response:
        """Tell the true labels of rows that a model has answered, each once."""
        return await take(request, name)

    @router.post("/{name}/versions/{version}:feedback", response_class=Response, openapi_extra=FEEDBACK)
    async def version_feedback(request: Request, name: str, version: str) -> Response:
        """Tell the true labels of rows that one version of a model has answered, each once."""
        return await take(request, name, version)

    return router


def _items(body: bytes, limit: int) -> list[msgspec.Raw]:
    try:
        items = _BODY.decode(body).feedback
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequestError(f"the body has no list of feedback ({shown(str(error))}): {_SHAPE}") from None
    if not items:
        raise EmptyBatchError("there is no feedback: send at least one true label")
    if len(items) > limit:
        raise TooManyRowsError(
            f"{len(items)} true labels are more than the {limit} of one request: send several, or raise max_rows"
        )
    return items


def _read(item: msgspec.Raw) -> TrueLabel | ServiceError:
    try:
        told = _TRUE_LABEL.decode(item)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return MalformedRequestError(f"this is no feedback ({shown(str(error))}): {_SHAPE}")
    if told.label is None and told.value is None:
        return MalformedRequestError(f"this is no feedback, having neither label nor value: {_SHAPE}")
    return told


def _answer(accepted: int, refused: Sequence[tuple[int, ServiceError]]) -> Response:
    """Return the answer to feedback of which at least one was accepted."""
    listed = [
        {"index": index, "code": refusal.code, "message": encodable(refusal.message)} for index, refusal in refused
    ]
    return Response(orjson.dumps({"accepted": accepted, "refused": listed}), media_type="application/json")
