"""Short requests: run on the event loop, together with those of the same turn."""

import asyncio
from time import monotonic

from service.inference.jobs import Dispatch, Job, Report, settle, together
from service.inference.jobs import fail as fail_job
from service.inference.model import Model

SHORT_SECONDS = 0.0005
"""A run expected to take no longer holds the event loop up for less than handing it to a thread would cost."""


class Turn:
    """Collects what arrives in one turn of the event loop and runs it at the turn's end.

    Under load many connections are read in one turn: their requests then share a run without having waited for it.

    Args:
        report: told of every run.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._waiting: dict[Model, list[Job]] = {}

    def add(self, model: Model, job: Job) -> None:
        """Have `job` run at the end of this turn, or of one soon after if there is more than a short run's worth."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._end)
        self._waiting.setdefault(model, []).append(job)

    def _end(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for model, jobs in waiting.items():
            rows, count = 0, 0
            for job in jobs:
                rows += len(job.rows)
                if count and model.expected_seconds(rows) > SHORT_SECONDS:
                    break
                count += 1
            for job in jobs[count:]:
                self.add(model, job)
            self._run(model, [job for job in jobs[:count] if not job.answer.done()])

    def _run(self, model: Model, jobs: list[Job]) -> None:
        if not jobs:
            return
        began = monotonic()
        rows = together(jobs)
        self._report(Dispatch(model, len(jobs), len(rows), "turn", began - jobs[0].submitted))
        try:
            scores = model.score(rows)
        except Exception as error:
            if len(jobs) == 1:
                fail_job(jobs[0], error)
            else:
                # One of them is to blame: each runs once more by itself, so that the others are answered.
                for job in jobs:
                    self._run(model, [job])
        else:
            settle(jobs, scores, began, monotonic() - began)
