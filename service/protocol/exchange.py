"""One prediction over HTTP, the same for every protocol: read, run, write, record."""

import asyncio
import math
from collections.abc import Iterable
from contextlib import ExitStack
from time import monotonic, perf_counter
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from service.errors import ClientGoneError, DeadlineError, NonFiniteOutputError
from service.inference.decoders import Decoders, Read
from service.inference.engine import Engine
from service.inference.loop_time import LoopTime
from service.inference.model import Model, Scores
from service.inputs import Input
from service.monitoring.feedback import Feedback
from service.monitoring.metrics import Metrics
from service.monitoring.prediction import PREDICTION_KEY, Prediction
from service.monitoring.recent import RecentRows
from service.protocol.body import read_body

T = TypeVar("T")

PREDICTION_ID_HEADER = "x-prediction-id"
"""Says the id of an answer, by which feedback names it."""


class Codec(Protocol):
    """What a protocol's bodies look like, of one request."""

    @property
    def heavy(self) -> bool:
        """Whether the body takes so long to read that a thread must: text is made tokens, an image pixels."""

    @property
    def altered(self) -> int:
        """Return how many rows are not what was sent, once they are read: texts cut, images resized."""

    def read(self, body: bytes) -> NDArray[Any]:
        """Return the rows in a request body."""

    def write(self, scores: Scores, name: str | None, /) -> Iterable[bytes]:
        """Return the body that answers it, in pieces none of which takes long to make; `name` is the answer's id."""

    def headers(self) -> dict[str, str]:
        """Return the answer's headers, once it is written."""


class BodyLimits(NamedTuple):
    """What is read of a request."""

    max_bytes: int
    seconds: float


class Exchange:
    """Answers prediction requests.

    Args:
        engine: runs the models.
        decoders: read what takes long to read.
        metrics: where predictions are counted.
        recent: where rows that are out of distribution are kept.
        feedback: remembers them.
        loop_time: shares out the event loop among requests.
        body: how large and how slow a body may be.
        server_timing: whether to say where the time went.
    """

    def __init__(
        self,
        engine: Engine,
        decoders: Decoders,
        loop_time: LoopTime,
        metrics: Metrics,
        recent: RecentRows,
        feedback: Feedback,
        body: BodyLimits,
        *,
        server_timing: bool,
    ) -> None:
        self._engine = engine
        self._decoders = decoders
        self._loop_time = loop_time
        self._metrics = metrics
        self._recent = recent
        self._feedback = feedback
        self._body = body
        self._server_timing = server_timing

    async def answer(self, request: Request, model: Model, codec: Codec) -> Response:
        """Return the answer to a request for a prediction of `model`.

        Raises:
            ServiceError: if the body cannot be predicted from, or not in time.
        """
        with self._loop_time.admit(), ExitStack() as held:
            if codec.heavy:
                self._decoders.check()
            body = await read_body(request, self._body.max_bytes, self._body.seconds)
            self._engine.check_capacity(model)
            arrived, began = perf_counter(), monotonic()
            told = Prediction(model.manifest.name, str(model.manifest.version), arrived)
            request.scope[PREDICTION_KEY] = told
            rows, decode = await self._read(request, codec, body)
            told.rows, told.stages["decode"] = len(rows), decode
            if codec.heavy:
                held.enter_context(self._decoders.holding(_size(rows, model.manifest.input)))
            short = self._engine.is_short(model, model.units(rows))
            outcome = self._engine.submit(model, rows, began)
            try:
                scored = await (outcome if short else _unless_gone(request, outcome))
            except NonFiniteOutputError:
                self._metrics.of(model).record_non_finite()
                raise
            await self._loop_time.turn()
            name = self._feedback.remember(model.manifest, scored.scores)
            content, encode = await self._write(codec, scored.scores, name)
            written = perf_counter()
            stages = {
                "decode": decode,
                "queue": written - arrived - decode - scored.ran - encode,
                "run": scored.ran,
                "encode": encode,
            }
            told.ended, told.stages = written, stages
            self._loop_time.learn(encode if codec.heavy else decode + encode)
            recorded = self._metrics.of(model)
            recorded.record(rows, scored.scores, altered=codec.altered)
            recorded.record_stages(stages)
            self._recent.record(model.manifest, scored.scores)
        headers = codec.headers()
        if name is not None:
            headers[PREDICTION_ID_HEADER] = name
        if self._server_timing:
            headers["server-timing"] = ", ".join(f"{stage};dur={1000 * took:.3f}" for stage, took in stages.items())
        return Response(content, headers=headers)

    async def _read(self, request: Request, codec: Codec, body: bytes) -> Read:
        """Return the rows in a body, and the seconds it took to read them: here, or in a thread."""
        if codec.heavy:
            return await _unless_gone(request, self._decoders.submit(codec.read, body), self._decoders.deadline)
        await self._loop_time.turn()
        started = perf_counter()
        rows = codec.read(body)
        took = perf_counter() - started
        self._loop_time.spend(took)
        return Read(rows, took)

    async def _write(self, codec: Codec, scores: Scores, name: str | None) -> tuple[bytes, float]:
        """Return the answer's body, and the seconds it took to write."""
        pieces: list[bytes] = []
        took, started = 0.0, perf_counter()
        for piece in codec.write(scores, name):
            pieces.append(piece)
            now = perf_counter()
            self._loop_time.spend(now - started)
            took += now - started
            await self._loop_time.turn()  # health must not wait for a long answer to be written
            started = perf_counter()
        return b"".join(pieces), took


def _size(rows: NDArray[Any], taken: Input) -> int:
    """Return the bytes of a request's rows and of their scores, which are sensitivities and little else."""
    return rows.nbytes + np.dtype(np.float32).itemsize * len(rows) * math.prod(taken.gradient_shape)


async def _unless_gone(request: Request, answer: "asyncio.Future[T]", seconds: float | None = None) -> T:
    """Wait for an answer, and give it up when the client hangs up, so that nothing is done for nobody.

    Args:
        request: whose client it is.
        answer: waited for; cancelled when it is given up.
        seconds: it is given up after, if ever.
    """
    gone = asyncio.ensure_future(request.receive())
    waiting: set[asyncio.Future[Any]] = {answer, gone}
    try:
        done, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise DeadlineError(f"the request could not be read within {seconds:g} s, its deadline: send fewer rows")
        if not answer.done():
            raise ClientGoneError("the client closed the connection before its answer was ready")
        return answer.result()
    finally:
        gone.cancel()
        answer.cancel()
