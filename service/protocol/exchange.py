"""One prediction over HTTP, the same for every protocol: read, run, write, record."""

import asyncio
import math
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from time import monotonic, perf_counter
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from starlette.types import Receive, Scope

from service.errors import ClientGoneError, DeadlineError, NonFiniteOutputError
from service.inference.decoders import Decoders
from service.inference.engine import Engine
from service.inference.jobs import Scored
from service.inference.loop_time import LoopTime
from service.inference.model import Model
from service.inputs import Input
from service.monitoring.feedback import Feedback
from service.monitoring.metrics import Metrics
from service.monitoring.prediction import PREDICTION_KEY, Prediction, Stages
from service.monitoring.recent import RecentRows
from service.protocol.answer import Answer, Header
from service.protocol.body import read_body

T = TypeVar("T")

_NOTHING_HELD = nullcontext()

PREDICTION_ID_HEADER = "x-prediction-id"
"""Says the id of an answer, by which feedback names it."""

_PREDICTION_ID = PREDICTION_ID_HEADER.encode()


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

    def write(self, scored: Scored, name: str | None, /) -> Iterable[bytes]:
        """Return the body that answers it, in pieces none of which takes long to make; `name` is the answer's id."""

    def headers(self) -> list[Header]:
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

    async def answer(self, scope: Scope, receive: Receive, model: Model, codec: Codec) -> Answer:
        """Return the answer to a request for a prediction of `model`.

        Raises:
            ServiceError: if the body cannot be predicted from, or not in time.
        """
        loop_time = self._loop_time
        loop_time.enter()
        try:
            if codec.heavy:
                self._decoders.check()
            body = await read_body(scope, receive, self._body.max_bytes, self._body.seconds)
            self._engine.check_capacity(model)
            arrived, began = perf_counter(), monotonic()
            told = scope[PREDICTION_KEY] = Prediction(model.manifest.name, str(model.manifest.version), arrived)
            held: AbstractContextManager[None] = _NOTHING_HELD
            if codec.heavy:
                read = await _unless_gone(receive, self._decoders.submit(codec.read, body), self._decoders.deadline)
                rows, decode = read.rows, read.seconds
                held = self._decoders.holding(_size(rows, model.manifest.input))
            else:
                if loop_time.busy:
                    await loop_time.turn()
                started = perf_counter()
                rows = codec.read(body)
                decode = perf_counter() - started
                loop_time.spend(decode)
            told.rows, told.decode = len(rows), decode
            with held:
                outcome = self._engine.submit(model, rows, began)
                try:
                    if self._engine.is_short(model, model.units(rows)):
                        scored = await outcome
                    else:
                        scored = await _unless_gone(receive, outcome)
                except NonFiniteOutputError:
                    self._metrics.of(model).record_non_finite()
                    raise
                name = self._feedback.name(scored.number)
                content, encode = await self._write(codec, scored, name)
            ended, ran = perf_counter(), scored.run.seconds
            told.ended, told.stages = ended, Stages(decode, ended - arrived - decode - ran - encode, ran, encode)
            self._record(codec, scored, told.stages)
            headers = codec.headers()
            if name is not None:
                headers.append((_PREDICTION_ID, name.encode()))
            if self._server_timing:
                timing = (f"{stage};dur={1000 * took:.3f}" for stage, took in told.stages._asdict().items())
                headers.append((b"server-timing", ", ".join(timing).encode()))
            return Answer(content, headers)
        finally:
            loop_time.leave()

    async def _write(self, codec: Codec, scored: Scored, name: str | None) -> tuple[bytes, float]:
        """Return the answer's body, and the seconds it took to write."""
        loop_time = self._loop_time
        if loop_time.busy:
            await loop_time.turn()
        pieces: list[bytes] = []
        took, started = 0.0, perf_counter()
        for piece in codec.write(scored, name):
            pieces.append(piece)
            now = perf_counter()
            loop_time.spend(now - started)
            took += now - started
            if loop_time.busy:
                await loop_time.turn()  # health must not wait for a long answer to be written
            started = perf_counter()
        return b"".join(pieces), took

    def _record(self, codec: Codec, scored: Scored, stages: Stages) -> None:
        """Record a request that is answered."""
        self._loop_time.learn(stages.encode if codec.heavy else stages.decode + stages.encode)
        recorded = self._metrics.of(scored.run.model)
        recorded.record_stages(stages)
        if codec.altered:
            recorded.record_altered(codec.altered)
        if scored.run.any_strange:
            self._recent.record(scored)


def _size(rows: NDArray[Any], taken: Input) -> int:
    """Return the bytes of a request's rows and of their scores, which are sensitivities and little else."""
    return rows.nbytes + np.dtype(np.float32).itemsize * len(rows) * math.prod(taken.gradient_shape)


async def _unless_gone(receive: Receive, answer: "asyncio.Future[T]", seconds: float | None = None) -> T:
    """Wait for an answer, and give it up when the client hangs up, so that nothing is done for nobody.

    Args:
        receive: says when the client hangs up.
        answer: waited for; cancelled when it is given up.
        seconds: it is given up after, if ever.
    """
    gone = asyncio.ensure_future(receive())
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
