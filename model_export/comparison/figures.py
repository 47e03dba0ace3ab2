"""The figures of two versions side by side, and how sure their differences are.

Differences are bootstrapped in pairs: a resample draws rows, and both versions answer the same ones. What varies is the
rows; the two networks stay as they are.
"""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.comparison.judged import Floats, Judged
from model_export.studies.bootstrap import RESAMPLES, SEED, Resamples, paired

_MOST_COUNTS, _FEWEST_RESAMPLES = 20_000_000, 200
"""With more rows there are fewer resamples, so that their counts fit into memory: intervals are narrow by then."""

_BINS = 10
_TAIL = 0.99
_ATYPICAL = 0.05
_AT_A_TIME = 64

Better = Literal["more", "less", "neither"]


class Figure(NamedTuple):
    """One figure of both versions, and new − old with its 95 % interval, where there is one."""

    name: str
    old: float | None
    new: float | None
    difference: float | None
    low: float | None
    high: float | None
    better: Better

    def worse_by_more_than(self, tolerance: float) -> bool:
        """Return whether the whole interval lies on the worse side, beyond the tolerance."""
        if self.low is None or self.high is None:
            return False
        return self.high < -tolerance if self.better == "more" else self.low > tolerance

    @property
    def most_worse(self) -> float:
        """By how much worse the new version may be, by the interval's end; 0 if by nothing."""
        if self.low is None or self.high is None:
            return float("inf")
        return max(0.0, -self.low if self.better == "more" else self.high)


class Pair(NamedTuple):
    """What figures are made of: both versions' answers to the same rows, and the resamples of these."""

    old: Judged
    new: Judged
    resamples: Resamples

    @classmethod
    def of(cls, old: Judged, new: Judged) -> "Pair":
        """Return both versions' answers with resamples for as many rows."""
        rows = len(old.right)
        resamples = min(RESAMPLES, max(_MOST_COUNTS // rows, _FEWEST_RESAMPLES))
        return cls(old, new, Resamples(np.arange(rows), resamples, SEED))

    def mean(self, name: str, better: Better, of: Callable[[Judged], NDArray[np.generic]]) -> Figure:
        """Return the mean of a quantity of each row."""
        return self._figure(name, better, lambda judged: _mean(self.resamples, of(judged).astype(np.float64)))

    def calibration_error(self, name: str) -> Figure:
        """Return |share right − mean score| over bins of equally many rows, weighted by their share."""
        return self._figure(name, "less", lambda judged: _calibration_error(self.resamples, judged))

    def ranking(self, name: str) -> Figure:
        """Return the chance that a wrong row has a lower score than a right one (AUROC)."""

        def ranking(judged: Judged) -> Floats:
            with np.errstate(invalid="ignore"):
                return self.resamples.auroc(judged.score, ~judged.right, np.arange(len(judged.right)))

        return self._figure(name, "more", ranking)

    def tail(self, name: str) -> Figure:
        """Return τ, the 99th percentile of ‖J‖ over its mean."""
        return self._figure(name, "neither", lambda judged: _tail(self.resamples, judged.tail_ratio))

    def _figure(self, name: str, better: Better, of: Callable[[Judged], Floats]) -> Figure:
        old, new = of(self.old), of(self.new)
        before, after = (float(values[0]) if np.isfinite(values[0]) else None for values in (old, new))
        try:
            found = paired(new, old)
        except ValueError:
            return Figure(name, before, after, None, None, None, better)
        return Figure(name, before, after, found.difference, found.low, found.high, better)


def figures_of_classes(pair: Pair, *, levels: bool) -> list[Figure]:
    """Return the figures of models of classes, the one that decides first.

    Args:
        pair: the answers.
        levels: whether the classes are levels, the same of both.
    """
    off = [pair.mean("levels off", "less", lambda judged: judged.error)] if levels else []
    return [
        pair.mean("accuracy", "more", lambda judged: judged.right),
        *off,
        pair.mean("Brier score", "less", lambda judged: judged.brier),
        *_figures_of_scores(pair),
    ]


def figures_of_numbers(pair: Pair) -> list[Figure]:
    """Return the figures of models of numbers, the one that decides first."""
    return [
        pair.mean("mean absolute error", "less", lambda judged: judged.error),
        pair.mean("truths in their intervals", "neither", lambda judged: judged.inside),
        pair.mean("width of intervals", "less", lambda judged: judged.width),
        pair.mean("within the tolerance", "more", lambda judged: judged.right),
        *_figures_of_scores(pair),
    ]


def _figures_of_scores(pair: Pair) -> list[Figure]:
    return [
        pair.calibration_error("calibration error"),
        pair.ranking("errors ranked, AUROC"),
        pair.mean("typicality < 0.05", "neither", lambda judged: judged.typicality < _ATYPICAL),
        pair.tail("τ"),
    ]


def _mean(resamples: Resamples, values: Floats) -> Floats:
    return np.concatenate([values @ counts / counts.sum(0) for counts in _blocks(resamples)])


def _calibration_error(resamples: Resamples, judged: Judged) -> Floats:
    """Return `studies.metrics.expected_calibration_error` in every resample, by the bins of the sample as it is."""
    gaps = judged.right - judged.score
    parts = np.array_split(np.argsort(judged.score, kind="stable"), min(_BINS, len(gaps)))
    return np.concatenate(
        [sum(np.abs(gaps[part] @ counts[part]) for part in parts) / counts.sum(0) for counts in _blocks(resamples)]
    )


def _tail(resamples: Resamples, ratios: Floats) -> Floats:
    """Return the 99th percentile over the mean in every resample, interpolated as `numpy.quantile` does."""
    order = np.argsort(ratios)
    ordered = ratios[order]
    found = []
    for counts in _blocks(resamples):
        up_to = counts[order].cumsum(0)
        place = _TAIL * (up_to[-1] - 1)
        below = np.floor(place)
        last = len(ordered) - 1
        low, high = (ordered[np.minimum((up_to <= rank).sum(0), last)] for rank in (below, below + 1))
        found.append((low + (place - below) * (high - low)) / (ratios @ counts / up_to[-1]))
    return np.concatenate(found)


def _blocks(resamples: Resamples) -> Iterator[Floats]:
    """Yield how often each row is drawn [N, ≤ 64], for a few resamples at a time."""
    for start in range(0, resamples.counts.shape[1], _AT_A_TIME):
        yield resamples.counts[:, start : start + _AT_A_TIME].astype(np.float64)
