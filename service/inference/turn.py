"""Short requests: run on the event loop, together with those of the same turn."""

import asyncio
from collections import deque
from time import monotonic

from service.inference.jobs import Dispatch, Job, Record, Report, run_batch, settle
from service.inference.model import Model

SHORT_SECONDS = 0.0005
"""A run expected to take no longer holds the event loop up for less than handing it to a thread would cost."""

_MOST_TURNS = 2
"""Turns that a run waits for more to come in; one takes a few microseconds where nothing does."""


class Turn:
    """Collects what arrives in one turn of the event loop and runs it at the turn's end.

    Under load many connections are read in one turn: their requests then share a run without having waited for it.
    As long as more come in, the run waits for another turn, twice at most: those who were answered last ask again while
    the others are read, and would else be run apart from them for good. What is more than a short run's worth is left
    to the next turns.

    Args:
        report: told of every run.
        record: given what it made.
    """

    def __init__(self, report: Report, record: Record) -> None:
        self._report = report
        self._record = record
        self._lanes: dict[Model, deque[Job]] = {}
        self._scheduled = False
        self._fresh, self._waited = False, 0
        """whether any came in since the last turn's end, and the turns waited"""

    def add(self, model: Model, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        """Have `job` run at the end of this turn of `loop`, or of one soon after."""
        lane = self._lanes.get(model)
        if lane is None:
            lane = self._lanes[model] = deque()
        lane.append(job)
        self._fresh = True
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._end, loop)

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._fresh and self._waited < _MOST_TURNS:
            self._fresh = False
            self._waited += 1
            loop.call_soon(self._end, loop)
            return
        self._scheduled, self._waited = False, 0
        for model in list(self._lanes):
            lane, batch, units = self._lanes[model], list[Job](), 0
            while lane and not (batch and model.expected_seconds(units + lane[0].units) > SHORT_SECONDS):
                job = lane.popleft()
                if not job.answer.done():
                    batch.append(job)
                    units += job.units
            if not lane:
                del self._lanes[model]
            if batch:
                began, rows = monotonic(), sum(len(job.rows) for job in batch)
                self._report(Dispatch(model, len(batch), rows, "turn", began - batch[0].submitted))
                settle(batch, run_batch(model, batch, rows), self._record)
        if self._lanes:
            self._scheduled = True
            loop.call_soon(self._end, loop)
