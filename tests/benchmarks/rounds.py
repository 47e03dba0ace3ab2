"""Timing several calls side by side, so that whatever else the machine does falls on all of them.

It is the processor's time that is counted: each call computes on one thread, and while another process has the core
nothing is counted. On a machine that does nothing else that is the time which passes.
"""

from collections.abc import Callable, Mapping
from statistics import median
from time import process_time
from typing import NamedTuple, Self


class Timing(NamedTuple):
    """Microseconds of the processor a call, over rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, microseconds: list[float]) -> Self:
        return cls(median(microseconds), min(microseconds), max(microseconds))


def alternate(calls: Mapping[str, Callable[[], object]], repeats: Mapping[str, int], rounds: int) -> dict[str, Timing]:
    """Return what each call takes: each round runs every one `repeats` times, after one unmeasured round."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            started = process_time()
            for _ in range(repeats[name]):
                call()
            times[name].append((process_time() - started) / repeats[name] * 1e6)
    return {name: Timing.of(values[1:]) for name, values in times.items()}


def repeats_lasting(calls: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, int]:
    """Return how often each call fits into so many seconds, at least once, by the quicker of two tries."""
    repeats = {}
    for name, call in calls.items():
        tries = []
        for _ in range(2):
            started = process_time()
            call()
            tries.append(process_time() - started)
        repeats[name] = max(1, int(seconds / min(tries)))
    return repeats
