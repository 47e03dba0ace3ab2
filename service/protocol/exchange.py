"""One prediction over HTTP, the same for every protocol: read, run, write, record."""

from time import perf_counter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from service.inference.engine import Engine
from service.inference.model import Model, Scores
from service.monitoring.metrics import Metrics
from service.protocol.body import read_body


class Codec(Protocol):
    """What a protocol's bodies look like."""

    def read(self, body: bytes) -> NDArray[np.float32]:
        """Return the rows in a request body."""

    def write(self, scores: Scores) -> bytes:
        """Return the JSON that answers it."""


class Exchange:
    """Answers prediction requests.

    Args:
        engine: runs the models.
        metrics: where predictions are counted.
        max_body_bytes: largest request body.
    """

    def __init__(self, engine: Engine, metrics: Metrics, max_body_bytes: int) -> None:
        self._engine = engine
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes

    async def answer(self, request: Request, model: Model, codec: Codec) -> Response:
        """Return the answer to a request for a prediction of `model`.

        Raises:
            ServiceError: if the body cannot be predicted from.
        """
        body = await read_body(request, self._max_body_bytes)
        started = perf_counter()
        rows = codec.read(body)
        decoded = perf_counter()
        scores = await self._engine.score(model, rows)
        ran = perf_counter()
        content = codec.write(scores)
        written = perf_counter()
        recorded = self._metrics.of(model)
        recorded.record(scores)
        recorded.record_stages(decode=decoded - started, run=ran - decoded, encode=written - ran)
        return Response(content, media_type="application/json")
