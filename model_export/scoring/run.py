"""A job from beginning to end, or from where it stopped."""

from collections.abc import Callable, Iterator
from typing import Any

from model_export.scoring.engines import Engine
from model_export.scoring.job import Job
from model_export.scoring.source import Chunk
from model_export.scoring.summary import summarise
from model_export.scoring.tally import Tally, quantile

Progress = Callable[[Chunk, bool], None]
"""Told of every finished chunk, and whether it was finished before this run."""


def run_job(job: Job, engine: Engine, progress: Progress) -> dict[str, Any]:
    """Score what is not scored yet, and return the summary.

    Args:
        job: what to do.
        engine: carries it out.
        progress: see `Progress`.

    Raises:
        ScoringError: if the input cannot be read or changed meanwhile, or the folder is another job's.
        OSError: if the folder cannot be written; what is finished stays so.
    """
    with job.folder.locked():
        job.folder.open(job.identity)
        if (summary := job.folder.summary) is not None:
            return summary
        found: list[Chunk] = []
        done = job.folder.finished()

        def unfinished() -> Iterator[Chunk]:
            for chunk in job.source.chunks():
                found.append(chunk)
                if chunk.number in done:
                    progress(chunk, True)
                else:
                    yield chunk

        for chunk in engine.run(job, unfinished()):
            progress(chunk, False)
        job.check_unchanged()
        tally = sum(job.folder.tallies(len(found)), Tally())
        ratios = job.folder.tail_ratios(len(found))
        p99 = quantile(ratios, 0.99) if tally.rows else None
        summary = summarise(job.manifest, tally, p99)
        job.folder.close(summary)
        return summary
