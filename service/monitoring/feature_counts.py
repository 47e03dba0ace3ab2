"""Counts of values that training knows little of, by feature: missing ones, and those beyond the training range."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from service.inputs import TableInput

MOST_FEATURES = 100
"""A table of more features than this has one series for all, lest a model mint thousands."""

ANY = "any"
"""What that series calls them."""

_TILE = 32
"""Rows compared side by side: numpy is slow where the innermost axis is as short as a row."""

_MOST_BLOCKS = 255
"""Tiles added up as bytes, without one overflowing."""


class Counted(NamedTuple):
    """A counter's name, without its unit `_total`, and its documentation."""

    name: str
    documentation: str


class FeatureTally:
    """One model version's counts.

    Ranges are compared as float32, so that the training extremes, which clients send as decimals, are within. An unseen
    category counts as out of range.

    Args:
        table: the version's features.
        before: what was counted for the version until now; goes on if it is of the same features.
    """

    def __init__(self, table: TableInput, before: "FeatureTally | None" = None) -> None:
        self._together = len(table.features) > MOST_FEATURES
        self.names = (ANY,) if self._together else table.names
        self.counts: NDArray[np.float64] = np.zeros((2, len(self.names)))
        """of missing values, and of those out of range"""
        if before is not None and before.names == self.names:
            self.counts = before.counts
        with np.errstate(over="ignore"):
            ranges = np.array([feature.bounds for feature in table.features], np.float32)
        self._lowest, self._highest = (np.tile(bound, (_TILE, 1)) for bound in ranges.T)
        self._ones = np.ones(_TILE, np.float32)

    def observe(self, rows: NDArray[np.float32]) -> None:
        """Count rows [N, features]; NaN is a missing value."""
        if self._together:
            outside = (rows < self._lowest[0]) | (rows > self._highest[0])
            self.counts += [[np.count_nonzero(marked.any(axis=1))] for marked in (np.isnan(rows), outside)]
            return
        tile = _TILE if len(rows) > 2 * _TILE else 1  # a few rows are counted as they are
        for start in range(0, len(rows), tile * _MOST_BLOCKS):
            part = rows[start : start + tile * _MOST_BLOCKS]
            if lacking := -len(part) % tile:
                part = np.concatenate([part, self._lowest[:lacking]])
            blocks = part.reshape(-1, tile * rows.shape[1])
            marked = np.empty((2, *blocks.shape), np.bool_)
            np.isnan(blocks, out=marked[0])
            np.less(blocks, self._lowest[:tile].reshape(-1), out=marked[1])
            marked[1] |= blocks > self._highest[:tile].reshape(-1)
            counts = np.add.reduce(marked.view(np.uint8), axis=1, dtype=np.uint8).astype(np.float32)
            self.counts += self._ones[:tile] @ counts.reshape(2, tile, -1)


class FeatureCounts(Collector):
    """Two counters by model version and feature.

    Args:
        missing: what the values that are not there are counted as.
        out_of_range: what those outside the training minimum to maximum are counted as.
        labels: label names; `feature` comes last.
        registry: where they are collected.
    """

    def __init__(
        self, missing: Counted, out_of_range: Counted, labels: Sequence[str], registry: CollectorRegistry
    ) -> None:
        self._missing = missing
        self._out_of_range = out_of_range
        self._label_names = (*labels, "feature")
        self._tallies: dict[tuple[str, ...], FeatureTally] = {}
        registry.register(self)

    def labels(self, *values: str, table: TableInput) -> FeatureTally:
        """Return the tally of a label set's rows from now on, which have the features of `table`."""
        tally = self._tallies[values] = FeatureTally(table, self._tallies.get(values))
        return tally

    def remove(self, *values: str) -> None:
        """Forget the counts of a label set, if there are any."""
        self._tallies.pop(values, None)

    def describe(self) -> Iterator[CounterMetricFamily]:
        """Name the metrics without their samples."""
        for counted in (self._missing, self._out_of_range):
            yield CounterMetricFamily(*counted, labels=self._label_names)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Return the counts of every label set."""
        missing, out_of_range = self.describe()
        for values, tally in self._tallies.items():
            for feature, lacking, outside in zip(tally.names, *tally.counts.tolist(), strict=True):
                missing.add_metric((*values, feature), lacking)
                out_of_range.add_metric((*values, feature), outside)
        yield missing
        yield out_of_range
