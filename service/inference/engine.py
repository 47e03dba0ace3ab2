"""Running models: what is short on the event loop, the rest in a thread of its own where what waits leaves together."""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from math import ceil
from time import monotonic
from typing import NamedTuple

from service.errors import DeadlineError, OverloadedError, TooManyRowsError
from service.inference.feeds import Rows
from service.inference.jobs import Dispatch, Job, Outcome, Reason, Record, Report, Scored, run_batch, settle
from service.inference.model import Model
from service.inference.turn import SHORT_SECONDS, Turn

STALLED_SECONDS = 60.0
"""A single run of one batch that takes longer has hung."""

_IN_HAND = 0.85
"""Share of the deadline that estimates may fill: the rest is for their being wrong."""


class Limits(NamedTuple):
    """What the engine takes on."""

    batch_rows: int = 1024
    """most rows in one run; a larger request runs in pieces"""
    queue_rows: int = 20_000
    """most rows waiting or being run; a request that finds none is taken whatever its size"""
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
        report: told of every run when it begins.
        record: given what it made, on the event loop, before anyone is answered.
    """

    def __init__(self, limits: Limits, report: Report, record: Record) -> None:
        self.limits = limits
        self._report = report
        self._record = record
        self._turn = Turn(report, record)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._lanes: dict[Model, deque[Job]] = {}
        self._running_since: float | None = None
        self._pace = 1.0
        """How much longer runs take of late than the models' warm-up said, on a machine that others use too."""
        self._timer: asyncio.TimerHandle | None = None
        self.queued_rows = 0
        """waiting or being run, and still waited for"""
        self._queued_seconds = 0.0

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        # To ask for it takes a call of the system each time.
        return asyncio.get_running_loop()

    def is_short(self, model: Model, units: int) -> bool:
        """Return whether so much is run within a turn or two of the event loop, whatever else is waiting."""
        return model.expected_seconds(units) <= SHORT_SECONDS

    def submit(self, model: Model, rows: Rows, began: float | None = None) -> "asyncio.Future[Scored]":
        """Return the scores of rows to come; cancel them when nobody waits any more.

        The future raises what `Model.score` raises, and DeadlineError.

        Args:
            model: what scores them.
            rows: of its manifest's kind.
            began: when the deadline began to run, by `monotonic`: rows may have taken long to read. Now, if None.

        Raises:
            OverloadedError: if the rows cannot wait in the queue, or not be answered before the deadline.
            TooManyRowsError: if they could not be answered before it even by themselves.
        """
        units = model.units(rows)
        job = Job(rows, units, self._loop.create_future(), began or monotonic())
        if self.is_short(model, units):
            self._turn.add(model, job, self._loop)
            return job.answer
        expected = model.expected_seconds(units)
        self._admit(len(rows), expected)
        self._lanes.setdefault(model, deque()).append(job)
        self.queued_rows += len(rows)
        self._queued_seconds += expected
        # However it ends, cancelled by a client that hung up or answered, it then takes up no more room.
        job.answer.add_done_callback(partial(self._leave, len(rows), expected))
        self._dispatch("idle")
        return job.answer

    def check_capacity(self, model: Model) -> None:
        """Refuse early, before a body is decoded, what `submit` would refuse for `model` whatever its size.

        Raises:
            OverloadedError: if the queue is full, or takes until the deadline to be worked off.
        """
        if not self.is_short(model, 1):
            self._admit(1, 0.0)

    @property
    def expected_wait(self) -> float:
        """Seconds until what is running and waiting now should be done."""
        return self._queued_seconds * self._pace

    @property
    def saturated(self) -> bool:
        """Whether the next request is likely to be refused."""
        return self.queued_rows >= self.limits.queue_rows or self.expected_wait > 0.75 * self.limits.deadline

    @property
    def stalled(self) -> bool:
        """Whether a run has gone on for so long that it must have hung."""
        return self._running_since is not None and monotonic() - self._running_since > STALLED_SECONDS

    def close(self) -> None:
        """Let the thread end after the present run."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _admit(self, rows: int, expected: float) -> None:
        deadline = self.limits.deadline
        if expected > deadline:
            raise TooManyRowsError(
                f"{rows} rows should take {expected:.3g} s, more than the deadline of {deadline:g} s: send fewer"
            )
        if not self.queued_rows:
            return  # whatever the pace was: only a run can tell what it is now
        wait = self.expected_wait
        if self.queued_rows + rows > self.limits.queue_rows:
            raise OverloadedError(
                f"{self.queued_rows} rows are waiting and the queue holds {self.limits.queue_rows}: try again later, "
                "or send fewer rows",
                retry_after=max(ceil(wait), 1),
            )
        if wait + expected * self._pace > _IN_HAND * deadline:
            raise OverloadedError(
                f"{rows} rows should take {expected * self._pace:.3g} s after {wait:.3g} s of waiting, more than the "
                f"deadline of {deadline:g} s allows: try again later, or send fewer rows",
                retry_after=max(ceil(wait), 1),
            )

    def _leave(self, rows: int, expected: float, _answer: "asyncio.Future[Scored]") -> None:
        self.queued_rows -= rows
        self._queued_seconds = max(self._queued_seconds - expected, 0.0) if self.queued_rows else 0.0

    def _dispatch(self, reason: Reason) -> None:
        """Start the next run, unless one is under way or nothing is due."""
        if self._running_since is not None:
            return
        while (model := self._due()) is not None:
            if batch := self._take(model):
                self._start(model, batch, reason)
                return

    def _start(self, model: Model, batch: list[Job], reason: Reason) -> None:
        rows = sum(len(job.rows) for job in batch)
        if rows >= self.limits.batch_rows:
            reason = "full"
        expected = model.expected_seconds(sum(job.units for job in batch))
        self._running_since = monotonic()
        self._report(Dispatch(model, len(batch), rows, reason, self._running_since - batch[0].submitted))
        run = self._loop.run_in_executor(self._thread, _timed, model, batch, self.limits.batch_rows)
        run.add_done_callback(partial(self._finish, batch, expected))

    def _due(self) -> Model | None:
        """Return the model whose turn it is; with a delay, only one that is full or has waited for it."""
        if not self.limits.delay:
            return next(iter(self._lanes), None)
        now, next_due = monotonic(), float("inf")
        for model, lane in self._lanes.items():
            due = lane[0].submitted + self.limits.delay
            if now >= due or sum(len(job.rows) for job in lane) >= self.limits.batch_rows:
                return model
            next_due = min(next_due, due)
        if self._lanes and self._timer is None:
            self._timer = self._loop.call_later(next_due - now, self._delay_is_over)
        return None

    def _delay_is_over(self) -> None:
        self._timer = None
        self._dispatch("delay")

    def _take(self, model: Model) -> list[Job]:
        """Remove the model's next batch from the queue, without those that nobody waits for or that are too late.

        The batch is kept so small that who has waited longest is still answered in time.
        """
        lane, batch, rows, units = self._lanes.pop(model), list[Job](), 0, 0
        deadline, now = self.limits.deadline, monotonic()
        while lane:
            head = lane[0]
            expected = model.expected_seconds(units + head.units) * self._pace
            late = now - (batch[0] if batch else head).submitted + expected > deadline
            if batch and (late or rows + len(head.rows) > self.limits.batch_rows):
                break
            lane.popleft()
            if head.answer.done():
                continue
            if late:
                waited = now - head.submitted
                head.answer.set_exception(
                    DeadlineError(f"the request waited {waited:.1f} s, and its deadline is {deadline:g} s")
                )
                continue
            batch.append(head)
            rows += len(head.rows)
            units += head.units
        if lane:
            self._lanes[model] = lane  # at the end: the others first
        return batch

    def _finish(
        self,
        batch: list[Job],
        expected: float,
        run: "asyncio.Future[tuple[list[Outcome], float]]",
    ) -> None:
        self._running_since = None
        if run.cancelled():
            for job in batch:
                job.answer.cancel()
            return
        outcomes, seconds = run.result()
        # One run that a pause of the machine made long says little about the next.
        self._pace = max(0.9 * self._pace + 0.1 * min(seconds / max(expected, 1e-6), 4.0), 1.0)
        settle(batch, outcomes, self._record)
        self._dispatch("waiting")


def _timed(model: Model, batch: list[Job], batch_rows: int) -> tuple[list[Outcome], float]:
    started = monotonic()
    return run_batch(model, batch, batch_rows), monotonic() - started
