"""What is counted of the rows scored: of each chunk by itself, and added up exactly, in whatever order they come."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from service.features import UNSEEN
from service.inference.advice import Adviser, strange
from service.inference.model import Scores
from service.inputs import CategoricalFeature, TableInput
from service.manifest import Manifest
from service.monitoring.bounds import SHARE_BOUNDS
from service.monitoring.feature_counts import FeatureTally

_ULP = 149
"""Every float32 is a whole number of times 2 to the minus so much."""

_MANTISSA = 24
_ATYPICAL = np.float32(0.05)
_BOUNDS = np.array(SHARE_BOUNDS, np.float32)


@dataclass
class Tally:
    """Counts and sums of some rows; every one adds up, so that none depends on how the rows were cut."""

    rows: int = 0
    rejected: "Counter[str]" = field(default_factory=Counter)
    """by error code"""
    classes: "Counter[str]" = field(default_factory=Counter)
    """by index of the predicted class, as text"""
    advice: "Counter[str]" = field(default_factory=Counter)
    """by index in `ADVICE`, as text"""
    out_of_distribution: int = 0
    truncated: int = 0
    reliability_sum: int = 0
    """like every sum of float32, exactly, as a multiple of 2^-149"""
    tail_ratio_sum: int = 0
    value_sum: int = 0
    typicality: "Counter[str]" = field(default_factory=Counter)
    """rows at or below a bound, by its index in `SHARE_BOUNDS`, as text"""
    atypical: int = 0
    """rows with a typicality below 0.05"""
    above_reference: int = 0
    """rows with a tail ratio above the manifest's τ"""
    missing: "Counter[str]" = field(default_factory=Counter)
    """by feature"""
    out_of_range: "Counter[str]" = field(default_factory=Counter)
    """by feature; an unseen category counts too"""
    unseen: "Counter[str]" = field(default_factory=Counter)
    """by categorical feature"""

    def __add__(self, other: "Tally") -> "Tally":
        """Return the tally of both."""
        return Tally(*(_added(getattr(self, part.name), getattr(other, part.name)) for part in fields(self)))

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON takes it."""
        return {part.name: getattr(self, part.name) for part in fields(self)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Return what `to_json` returned as it was."""
        parts: dict[str, Any] = {name: Counter(p) if isinstance(p, dict) else p for name, p in content.items()}
        return cls(**parts)


class Counting:
    """Counts the rows of one chunk.

    Args:
        manifest: the model's.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.tally = Tally()
        self._reference = np.float32(manifest.reference.tail_ratio)
        self._advise = Adviser(manifest.reference.thresholds)
        self._level = manifest.reference.thresholds.out_of_distribution
        self._features: FeatureTally | None = None
        self._width = 0
        self._categorical: list[tuple[int, str]] = []
        if isinstance(manifest.input, TableInput):
            self._features = FeatureTally(manifest.input)
            self._width = len(manifest.input.features)
            self._categorical = [
                (column, feature.name)
                for column, feature in enumerate(manifest.input.features)
                if isinstance(feature, CategoricalFeature)
            ]
        self._tail_ratios: list[NDArray[np.float32]] = []

    def observe(self, rows: NDArray[Any], scores: Scores, truncated: NDArray[np.bool_] | None) -> None:
        """Count rows [N, ...] and their scores."""
        tally = self.tally
        tally.rows += len(rows)
        tally.reliability_sum += exact_sum(scores["reliability"])
        tally.tail_ratio_sum += exact_sum(scores["tail_ratio"])
        if "value" in scores:
            tally.value_sum += exact_sum(scores["value"])
        else:
            _count(tally.classes, np.bincount(scores["label"]))
        _count(tally.advice, np.bincount(self._advise(scores["reliability"])))
        typicality = scores["typicality"]
        places = np.searchsorted(_BOUNDS, typicality, side="left")
        _count(tally.typicality, np.bincount(places, minlength=len(_BOUNDS) + 1)[:-1].cumsum())
        tally.atypical += int(np.count_nonzero(typicality < _ATYPICAL))
        tally.out_of_distribution += int(np.count_nonzero(strange(typicality, self._level)))
        tally.above_reference += int(np.count_nonzero(scores["tail_ratio"] > self._reference))
        if truncated is not None:
            tally.truncated += int(np.count_nonzero(truncated))
        if self._features is not None:
            self._features.observe(rows[:, : self._width])
        for column, name in self._categorical:
            tally.unseen[name] += int(np.count_nonzero(rows[:, column] == UNSEEN))
        self._tail_ratios.append(scores["tail_ratio"])

    def finish(self) -> tuple[Tally, NDArray[np.float32]]:
        """Return the tally, and the tail ratios in ascending order."""
        if self._features is not None:
            missing, out_of_range = self._features.counts.astype(np.int64).tolist()
            self.tally.missing.update(dict(zip(self._features.names, missing, strict=True)))
            self.tally.out_of_range.update(dict(zip(self._features.names, out_of_range, strict=True)))
        empty = np.empty(0, np.float32)
        return self.tally, np.sort(np.concatenate([empty, *self._tail_ratios]))


def exact_sum(values: NDArray[np.float32]) -> int:
    """Return the sum of finite values [N] as a multiple of 2^-149, without any rounding."""
    mantissas, exponents = np.frexp(values.astype(np.float64))
    # Whole numbers below 2^24: float64 adds a billion of them exactly.
    whole = np.bincount(exponents + _ULP, weights=mantissas * 2.0**_MANTISSA)
    return sum(int(part) << place for place, part in enumerate(whole.tolist()) if part) >> _MANTISSA


def value_of(exact: int) -> float:
    """Return an exact sum as a number."""
    return exact / (1 << _ULP)


def quantile(parts: Sequence[NDArray[np.float32]], share: float) -> float:
    """Return a quantile of the values in several ascending arrays together, linear between ranks as numpy's.

    The arrays may lie on disk: they are searched, and never put together.
    """
    rows = sum(len(part) for part in parts)
    rank = share * (rows - 1)
    lower = int(rank)
    low = _ranked(parts, lower)
    return low + (rank - lower) * (_ranked(parts, min(lower + 1, rows - 1)) - low)


def _ranked(parts: Sequence[NDArray[np.float32]], rank: int) -> float:
    """Return the value of a rank, counted from 0, of values that are not negative.

    Read as whole numbers the bits of such float32 are in the same order, so 31 halvings find the value.
    """
    low, high = 0, 0x7F800000
    while low < high:
        middle = (low + high) // 2
        value = np.int32(middle).view(np.float32)
        if sum(int(np.searchsorted(part, value, side="right")) for part in parts) > rank:
            high = middle
        else:
            low = middle + 1
    return float(np.int32(low).view(np.float32))


def _added(one: Any, other: Any) -> Any:
    """Return the sum of two numbers or counters; unlike a counter's own it keeps what was counted 0 times."""
    if not isinstance(one, Counter):
        return one + other
    both = one.copy()
    both.update(other)
    return both


def _count(counter: "Counter[str]", counts: NDArray[np.int64]) -> None:
    counter.update({str(index): count for index, count in enumerate(counts.tolist()) if count})
