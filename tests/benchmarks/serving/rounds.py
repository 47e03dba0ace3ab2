"""Interleaved rounds: A B C, A B C, so that what changes on the machine meanwhile meets everyone alike."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from tests.benchmarks.serving.wrk import Measurement


class FaultyError(Exception):
    """A contender that answered wrongly, not at all, or with errors."""


class Target(NamedTuple):
    """Something to be measured again and again."""

    name: str
    measure: Callable[[], Measurement]
    """FaultyError if its answers are not what they should be"""


class Measured(NamedTuple):
    """What the rounds gave."""

    rounds: Mapping[str, Sequence[Measurement]]
    """one measurement a round, by target; only of those without a fault in any"""
    faults: Mapping[str, str]


class Spread(NamedTuple):
    """A figure over the rounds."""

    median: float
    lowest: float
    highest: float


def interleave(targets: Sequence[Target], rounds: int) -> Measured:
    """Measure every target once a round; one with a fault is left out from then on."""
    found: dict[str, list[Measurement]] = {target.name: [] for target in targets}
    faults: dict[str, str] = {}
    for number in range(1, rounds + 1):
        for target in targets:
            if target.name in faults:
                continue
            try:
                measurement = target.measure()
            except FaultyError as error:
                faults[target.name] = f"round {number}: {error}"
                print(f"  round {number}  {target.name:24} {error}", flush=True)
                continue
            found[target.name].append(measurement)
            print(
                f"  round {number}  {target.name:24} {measurement.rate:>9.0f} requests/s"
                f"   p50 {measurement.p50_ms:.2f} ms   p99 {measurement.p99_ms:.2f} ms",
                flush=True,
            )
    return Measured({name: values for name, values in found.items() if name not in faults}, faults)


def spread(values: Sequence[float]) -> Spread:
    """Return the median over rounds, and the extremes."""
    return Spread(median(values), min(values), max(values))


def ratio(values: Sequence[float], baseline: Sequence[float]) -> Spread:
    """Return each round's figure over the baseline's of the same round, then the median of these, and the extremes.

    Raises:
        ValueError: if they are not of the same rounds.
    """
    return spread([value / base for value, base in zip(values, baseline, strict=True)])
