"""Running models: what is short on the event loop, the rest in a thread of its own where what waits leaves together."""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import ceil
from time import monotonic
from typing import NamedTuple

import numpy as np

from service.errors import DeadlineError, OverloadedError
from service.inference.jobs import Dispatch, Job, Reason, Report, Rows, Scored, fail, settle, together
from service.inference.model import Model, Scores
from service.inference.turn import SHORT_SECONDS, Turn

STALLED_SECONDS = 60.0
"""A single run of one batch that takes longer has hung."""


class Limits(NamedTuple):
    """What the engine takes on."""

    batch_rows: int = 1024
    """most rows in one run; a larger request runs in pieces"""
    queue_rows: int = 20_000
    """most rows waiting; a request that finds the queue empty is taken whatever its size"""
    deadline: float = 10.0
    """seconds within which a request must be answered or refused"""
    delay: float = 0.0
    """seconds that an idle engine waits for company; 0 to run at once"""


class Engine:
    """Scores rows, one run at a time.

    What is short by the model's own measured cost runs on the event loop, see `Turn`. Anything else is admitted or
    refused at the door, in rows and in expected seconds, and runs in a thread; requests for a model that arrive
    meanwhile leave together as soon as the thread is free, models taking turns. onnxruntime releases the interpreter
    while it runs; parallel work within one run is `Settings.threads`.

    To be used from one event loop.

    Args:
        limits: see `Limits`.
        report: told of every run.
    """

    def __init__(self, limits: Limits, report: Report) -> None:
        self.limits = limits
        self._report = report
        self._turn = Turn(report)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._lanes: dict[Model, deque[Job]] = {}
        self._running: tuple[float, float] | None = None
        """When the present run began and how long it should take."""
        self._pace = 1.0
        """How much longer runs take of late than the models' warm-up said, on a machine that others use too."""
        self._timer: asyncio.TimerHandle | None = None
        self.queued_rows = 0
        self._queued_seconds = 0.0

    def is_short(self, model: Model, rows: int) -> bool:
        """Return whether so many rows are run within a turn or two of the event loop, whatever else is waiting."""
        return model.expected_seconds(rows) <= SHORT_SECONDS

    def submit(self, model: Model, rows: Rows) -> "asyncio.Future[Scored]":
        """Return the scores of rows [N, features] to come; cancel them when nobody waits any more.

        The future raises what `Model.score` raises, and DeadlineError.

        Raises:
            OverloadedError: if the rows cannot wait in the queue, or not be answered before the deadline.
        """
        job = Job(rows, asyncio.get_running_loop().create_future(), monotonic())
        if self.is_short(model, len(rows)):
            self._turn.add(model, job)
        else:
            self._admit(len(rows), model.expected_seconds(len(rows)) * self._pace)
            self._enqueue(model, job)
            self._dispatch("idle")
        return job.answer

    @property
    def expected_wait(self) -> float:
        """Seconds until what is running and waiting now should be done."""
        left = 0.0
        if self._running is not None:
            began, expected = self._running
            left = max(began + expected * self._pace - monotonic(), 0.0)
        return left + self._queued_seconds * self._pace

    def check_capacity(self, model: Model) -> None:
        """Refuse early, before a body is decoded, what `submit` would refuse for `model` whatever its size.

        Raises:
            OverloadedError: if the queue is full, or takes until the deadline to be worked off.
        """
        if self.queued_rows and not self.is_short(model, 1):
            self._admit(1, 0.0)

    @property
    def saturated(self) -> bool:
        """Whether the next request is likely to be refused."""
        return self.queued_rows >= self.limits.queue_rows or self.expected_wait > 0.8 * self.limits.deadline

    @property
    def stalled(self) -> bool:
        """Whether a run has gone on for so long that it must have hung."""
        return self._running is not None and monotonic() - self._running[0] > STALLED_SECONDS + self._running[1]

    def close(self) -> None:
        """Let the thread end after the present run."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _admit(self, rows: int, expected: float) -> None:
        wait = self.expected_wait
        if self.queued_rows and self.queued_rows + rows > self.limits.queue_rows:
            raise OverloadedError(
                f"{self.queued_rows} rows are waiting and the queue holds {self.limits.queue_rows}: try again later, "
                "or send fewer rows",
                retry_after=max(ceil(wait), 1),
            )
        # A tenth is kept in hand for the estimate being wrong.
        if wait + expected > 0.9 * self.limits.deadline:
            raise OverloadedError(
                f"{rows} rows should take {expected:.3g} s after {wait:.3g} s of waiting, more than the deadline of "
                f"{self.limits.deadline:g} s allows: try again later, or send fewer rows",
                retry_after=max(ceil(wait), 1),
            )

    def _enqueue(self, model: Model, job: Job) -> None:
        self._lanes.setdefault(model, deque()).append(job)
        self.queued_rows += len(job.rows)
        self._queued_seconds += model.expected_seconds(len(job.rows))

    def _dequeue(self, model: Model) -> Job:
        lane = self._lanes[model]
        job = lane.popleft()
        self.queued_rows -= len(job.rows)
        self._queued_seconds = max(self._queued_seconds - model.expected_seconds(len(job.rows)), 0.0)
        if not lane:
            del self._lanes[model]
        return job

    def _dispatch(self, reason: Reason) -> None:
        """Start the next run, unless one is under way or nothing is due."""
        if self._running is not None:
            return
        while (model := self._due()) is not None:
            batch = self._take(model)
            if batch:
                break
        else:
            return
        rows = sum(len(job.rows) for job in batch)
        if rows >= self.limits.batch_rows:
            reason = "full"
        self._running = (monotonic(), model.expected_seconds(rows))
        self._report(Dispatch(model, len(batch), rows, reason, monotonic() - batch[0].submitted))
        run = asyncio.get_running_loop().run_in_executor(self._thread, _score, model, batch, self.limits.batch_rows)
        run.add_done_callback(partial(self._finish, model, batch))

    def _due(self) -> Model | None:
        """Return the model whose turn it is; with a delay, only one that is full or has waited for it."""
        if not self.limits.delay:
            return next(iter(self._lanes), None)
        now, next_due = monotonic(), float("inf")
        for model, lane in self._lanes.items():
            due = lane[0].submitted + self.limits.delay
            if now >= due or lane[0].alone or sum(len(job.rows) for job in lane) >= self.limits.batch_rows:
                return model
            next_due = min(next_due, due)
        if self._lanes and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(next_due - now, self._delay_is_over)
        return None

    def _delay_is_over(self) -> None:
        self._timer = None
        self._dispatch("delay")

    def _take(self, model: Model) -> list[Job]:
        """Remove the model's next batch from the queue, without those that nobody waits for or that are too late."""
        batch: list[Job] = []
        rows = 0
        while model in self._lanes:
            head = self._lanes[model][0]
            if batch and (rows + len(head.rows) > self.limits.batch_rows or head.alone):
                break
            job = self._dequeue(model)
            if job.answer.done():
                continue
            waited = monotonic() - job.submitted
            if waited + model.expected_seconds(len(job.rows)) * self._pace > self.limits.deadline:
                job.answer.set_exception(
                    DeadlineError(f"the request waited {waited:.1f} s, and its deadline is {self.limits.deadline:g} s")
                )
                continue
            batch.append(job)
            rows += len(job.rows)
            if job.alone:
                break
        if model in self._lanes:
            # The others first.
            self._lanes[model] = self._lanes.pop(model)
        return batch

    def _finish(self, model: Model, batch: list[Job], run: "asyncio.Future[tuple[Scores, float]]") -> None:
        began = self._running[0] if self._running is not None else monotonic()
        self._running = None
        if run.cancelled():
            for job in batch:
                job.answer.cancel()
            return
        error = run.exception()
        if error is None:
            scores, seconds = run.result()
            expected = model.expected_seconds(sum(len(job.rows) for job in batch))
            self._pace = max(0.9 * self._pace + 0.1 * seconds / max(expected, 1e-6), 1.0)
            settle(batch, scores, began, seconds)
        elif len(batch) == 1:
            fail(batch[0], error)
        else:
            # One of them is to blame: each runs once more by itself, so that the others are answered.
            for job in batch:
                self._enqueue(model, job._replace(alone=True))
        self._dispatch("waiting")


def _score(model: Model, batch: list[Job], batch_rows: int) -> tuple[Scores, float]:
    """Return the scores of all jobs together, in pieces of at most `batch_rows`, and the seconds it took."""
    started = monotonic()
    rows = together(batch)
    if len(rows) <= batch_rows:
        return model.score(rows), monotonic() - started
    pieces = [model.score(rows[start : start + batch_rows]) for start in range(0, len(rows), batch_rows)]
    scores = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    return scores, monotonic() - started
