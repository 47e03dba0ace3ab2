"""Requests on their way through the engine."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from service.inference.feeds import Rows
from service.inference.model import Model, Scores

Reason = Literal["turn", "idle", "waiting", "full", "delay"]
"""Why a batch left: the event loop's turn was over; the engine was idle; it became free; the batch was full; it had
waited for as long as it was told to."""


class Scored(NamedTuple):
    """A request's scores, and the time it took to make them."""

    scores: Scores
    ran: float
    """seconds of the run, which it may have shared"""


class Dispatch(NamedTuple):
    """One run, as it is reported."""

    model: Model
    requests: int
    rows: int
    reason: Reason
    waited: float
    """seconds that the longest-waiting request waited"""


Report = Callable[[Dispatch], None]


class Job(NamedTuple):
    """One request's rows, and where their scores are waited for."""

    rows: Rows
    units: int
    """what they count for in the time of a run"""
    answer: "asyncio.Future[Scored]"
    submitted: float


def run_batch(model: Model, batch: Sequence[Job], batch_rows: int) -> list[Scores | Exception]:
    """Return the scores of each job, or what is wrong with it; all run together, in pieces of at most `batch_rows`.

    Where that fails one of them may be to blame: each half is then run by itself, down to the one.
    """
    rows = batch[0].rows if len(batch) == 1 else np.concatenate([job.rows for job in batch])
    try:
        pieces = [model.score(rows[start : start + batch_rows]) for start in range(0, len(rows), batch_rows)]
    except Exception as error:
        if len(batch) == 1:
            return [error]
        middle = len(batch) // 2
        return [*run_batch(model, batch[:middle], batch_rows), *run_batch(model, batch[middle:], batch_rows)]
    scores = pieces[0] if len(pieces) == 1 else {name: np.concatenate([p[name] for p in pieces]) for name in pieces[0]}
    if len(batch) == 1:
        return [scores]
    ends = np.cumsum([len(job.rows) for job in batch]).tolist()
    starts = [0, *ends[:-1]]
    return [
        {name: values[start:end] for name, values in scores.items()} for start, end in zip(starts, ends, strict=True)
    ]


def settle(batch: Sequence[Job], outcomes: Sequence[Scores | Exception], seconds: float) -> None:
    """Tell each job its outcome, unless nobody waits for it any more."""
    for job, outcome in zip(batch, outcomes, strict=True):
        if job.answer.done():
            continue
        if isinstance(outcome, Exception):
            job.answer.set_exception(outcome)
        else:
            job.answer.set_result(Scored(outcome, seconds))
