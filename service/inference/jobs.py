"""Requests on their way through the engine."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from time import perf_counter
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.inference.advice import strange
from service.inference.feeds import Rows
from service.inference.model import Model, Scores

Reason = Literal["turn", "idle", "waiting", "full", "delay"]
"""Why a batch left: the event loop's turn was over; the engine was idle; it became free; the batch was full; it had
waited for as long as it was told to."""


@dataclass(slots=True, eq=False)
class Run:
    """What one run made of its rows, which several requests may have sent.

    Whatever is done alike to all of them is done once for the run, where it costs a few calls however many there are.
    """

    model: Model
    rows: Rows
    starts: list[int]
    """where each request's rows begin"""
    scores: Scores
    seconds: float
    number: int = 0
    """of the first row, among all that were ever answered here"""
    texts: dict[object, list[bytes]] = field(default_factory=dict)
    """What a writer made of all the rows, by the writer and what it was asked for."""
    strange: NDArray[np.bool_] = field(init=False)
    """which rows [N] count as out of distribution"""
    any_strange: bool = field(init=False)

    def __post_init__(self) -> None:
        level = self.model.manifest.reference.thresholds.out_of_distribution
        self.strange = strange(self.scores["typicality"], level)
        self.any_strange = bool(self.strange.any())


class Scored(NamedTuple):
    """A request's share of a run."""

    run: Run
    start: int
    stop: int

    @property
    def scores(self) -> Scores:
        """Return the scores of the request's rows."""
        if len(self.run.starts) == 1:
            return self.run.scores
        return {name: values[self.start : self.stop] for name, values in self.run.scores.items()}

    @property
    def number(self) -> int:
        """Return the number of the request's first row, see `Run`."""
        return self.run.number + self.start


class Dispatch(NamedTuple):
    """One run, as it is reported when it begins."""

    model: Model
    requests: int
    rows: int
    reason: Reason
    waited: float
    """seconds that the longest-waiting request waited"""


Report = Callable[[Dispatch], None]

Record = Callable[[Run], None]


class Job(NamedTuple):
    """One request's rows, and where their scores are waited for."""

    rows: Rows
    units: int
    """what they count for in the time of a run"""
    answer: "asyncio.Future[Scored]"
    submitted: float


Outcome = Scored | Exception
"""Of a request: its scores, or what is wrong with it."""


def run_batch(model: Model, batch: Sequence[Job], batch_rows: int) -> list[Outcome]:
    """Return the outcome of each job; all run together, in pieces of at most `batch_rows`.

    Where that fails one of them may be to blame: each half is then run by itself, down to the one.
    """
    rows = batch[0].rows if len(batch) == 1 else np.concatenate([job.rows for job in batch])
    began = perf_counter()
    try:
        if len(rows) <= batch_rows:
            scores = model.score(rows)
        else:
            pieces = [model.score(rows[start : start + batch_rows]) for start in range(0, len(rows), batch_rows)]
            scores = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    except Exception as error:
        if len(batch) == 1:
            return [error]
        middle = len(batch) // 2
        return [*run_batch(model, batch[:middle], batch_rows), *run_batch(model, batch[middle:], batch_rows)]
    bounds = [0, *accumulate(len(job.rows) for job in batch)]
    run = Run(model, rows, bounds[:-1], scores, perf_counter() - began)
    return [Scored(run, start, stop) for start, stop in pairwise(bounds)]


def settle(batch: Sequence[Job], outcomes: Sequence[Outcome], record: Record) -> None:
    """Record every run, and tell each job its outcome, unless nobody waits for it any more."""
    last: Run | None = None
    for job, outcome in zip(batch, outcomes, strict=True):
        if isinstance(outcome, Scored) and outcome.run is not last:
            last = outcome.run
            record(last)
        if job.answer.done():
            continue
        if isinstance(outcome, Exception):
            job.answer.set_exception(outcome)
        else:
            job.answer.set_result(outcome)
