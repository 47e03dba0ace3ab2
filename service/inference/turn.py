"""Short requests: run on the event loop, together with those of the same turn."""

import asyncio
from collections import deque
from time import monotonic

from service.inference.jobs import Dispatch, Job, Report, run_batch, settle
from service.inference.model import Model

SHORT_SECONDS = 0.0005
"""A run expected to take no longer holds the event loop up for less than handing it to a thread would cost."""


class Turn:
    """Collects what arrives in one turn of the event loop and runs it at the turn's end.

    Under load many connections are read in one turn: their requests then share a run without having waited for it.
    What is more than a short run's worth is left to the next turns.

    Args:
        report: told of every run.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._lanes: dict[Model, deque[Job]] = {}
        self._scheduled = False

    def add(self, model: Model, job: Job) -> None:
        """Have `job` run at the end of this turn, or of one soon after."""
        self._lanes.setdefault(model, deque()).append(job)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        self._scheduled = False
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
                settle(batch, run_batch(model, batch, rows), monotonic() - began)
        if self._lanes:
            self._schedule()
