"""Scoring over a Ray cluster, whose machines all see the same folders."""

import logging
import os
from collections.abc import Iterable, Iterator
from typing import Any

from model_export.errors import ScoringError
from model_export.scoring.job import Job
from model_export.scoring.source import Chunk

_AHEAD = 2
"""Chunks under way, for each core of the cluster: one runs, one waits."""


class RayEngine:
    """A task a chunk, on one core each; the cluster runs it again if its machine is lost.

    Nothing but a chunk's place in the input travels: tasks read the input and the model and write the parts
    themselves, so all three must lie under the same paths on every machine. What is written is the same as by threads,
    byte for byte, where the machines' processors are alike.

    Args:
        address: of the cluster; None for the one that `RAY_ADDRESS` names, else one of this machine's own.

    Raises:
        ScoringError: if Ray is not installed, or no cluster answers there.
    """

    def __init__(self, address: str | None = None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
        try:
            import ray  # noqa: PLC0415 - seconds to load, for this alone
        except ModuleNotFoundError:
            raise ScoringError("Ray is not installed: pip install 'chainzrule[ray]'") from None
        self._ray = ray
        if ray.is_initialized():
            return
        there = address or os.environ.get("RAY_ADDRESS")
        own: dict[str, Any] = {} if there else {"include_dashboard": False}
        try:
            ray.init(there, log_to_driver=False, logging_level=logging.ERROR, **own)
        except (ConnectionError, ValueError) as error:
            raise ScoringError(f"no Ray cluster answers at {there}: {error}") from error

    def run(self, job: Job, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Have every chunk scored."""
        ray = self._ray
        score = ray.remote(num_cpus=1)(_score)
        shared = ray.put(job)
        most = _AHEAD * max(int(ray.cluster_resources().get("CPU", 1)), 1)
        running: list[Any] = []
        try:
            for chunk in chunks:
                # In a list, or Ray would unpack the job for every task.
                running.append(score.remote([shared], chunk))
                if len(running) >= most:
                    yield self._next(running)
            while running:
                yield self._next(running)
        finally:
            for task in running:
                ray.cancel(task)

    def _next(self, running: list[Any]) -> Chunk:
        """Take the first that is finished out of the running tasks, and return its chunk."""
        (done, *_), _ = self._ray.wait(running)
        running.remove(done)
        try:
            chunk: Chunk = self._ray.get(done)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None
        return chunk


_jobs: dict[Any, Job] = {}
"""The last job of this process, whose model it has loaded."""


def _score(shared: list[Any], chunk: Chunk) -> Chunk:
    """Score a chunk in a worker of the cluster."""
    import ray  # noqa: PLC0415 - see RayEngine

    (reference,) = shared
    if reference not in _jobs:
        _jobs.clear()
        _jobs[reference] = ray.get(reference)
    return _jobs[reference].score(chunk)
