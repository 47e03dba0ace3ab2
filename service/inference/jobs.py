"""Requests on their way through the engine."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.inference.model import Model, Scores

Rows = NDArray[np.float32]

Reason = Literal["turn", "idle", "waiting", "full", "delay"]
"""Why a batch left: the event loop's turn was over; the engine was idle; it became free; the batch was full; it had
waited for as long as it was told to."""


class Scored(NamedTuple):
    """A request's scores, and what became of its time."""

    scores: Scores
    queued: float
    """seconds from submission to the start of its run"""
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
    answer: "asyncio.Future[Scored]"
    submitted: float
    alone: bool = False
    """after the batch it was in failed"""


def together(jobs: Sequence[Job]) -> Rows:
    """Return all jobs' rows, one below the other."""
    return jobs[0].rows if len(jobs) == 1 else np.concatenate([job.rows for job in jobs])


def settle(jobs: Sequence[Job], scores: Scores, began: float, seconds: float) -> None:
    """Give each job its part of the scores of all, unless nobody waits for it any more."""
    start = 0
    for job in jobs:
        part = slice(start, start := start + len(job.rows))
        if not job.answer.done():
            own = scores if len(jobs) == 1 else {name: values[part] for name, values in scores.items()}
            job.answer.set_result(Scored(own, began - job.submitted, seconds))


def fail(job: Job, error: BaseException) -> None:
    """Give a job its error, unless nobody waits for it any more."""
    if not job.answer.done():
        job.answer.set_exception(error)
