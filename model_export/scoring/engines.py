"""What carries a job's chunks out: threads of this process, or a Ray cluster."""

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol

from model_export.scoring.job import Job
from model_export.scoring.source import Chunk

_AHEAD = 1
"""Chunks that are found before a worker is free for them."""


class Engine(Protocol):
    """Carries chunks out."""

    def run(self, job: Job, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Have every chunk scored; yield each once it is finished, in any order.

        A bounded number is taken from `chunks` before the first is finished. What a chunk raises ends the run.
        """


class LocalEngine:
    """Threads: reading, onnxruntime, tokenizing and writing let each other run.

    One process, so that a kill leaves none behind that goes on writing.

    Args:
        workers: chunks scored at a time, each on one core.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def run(self, job: Job, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Have every chunk scored."""
        running: set[Future[Chunk]] = set()
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="score")
        try:
            for chunk in chunks:
                running.add(pool.submit(job.score, chunk))
                if len(running) >= self._workers + _AHEAD:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        finally:
            pool.shutdown(cancel_futures=True)
