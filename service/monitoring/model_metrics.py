"""One model version's metrics."""

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from service.inference.jobs import Dispatch, Reason
from service.inference.model import Scores
from service.inputs import Input, TableInput
from service.manifest import Manifest
from service.monitoring.bounds import BAND_EDGES, BANDS
from service.monitoring.feature_counts import FeatureTally
from service.monitoring.prediction import Stages

if TYPE_CHECKING:
    from service.monitoring.metrics import Metrics

_MOST_HELD = 256
"""Rows, or requests, that are counted together: for each run by itself, counting takes as long as the run."""

_COUNTED = ("reliability", "typicality", "tail_ratio")

OUTCOMES = ("confirmed", "wrong")
"""Of an answer, once the truth is told."""

_EDGES = np.array(BAND_EDGES, np.float32).tolist()
"""A reliability is a float32, and so is the edge that it is written as."""


class ModelMetrics:
    """The metrics of one version, looked up once; `Metrics` declares them."""

    def __init__(self, metrics: "Metrics", manifest: Manifest) -> None:
        self._metrics = metrics
        self._labels = labels = (manifest.name, str(manifest.version))
        self._held: list[tuple[NDArray[Any], Scores]] = []
        self._held_rows = 0
        self._held_stages: list[Stages] = []
        self.take(manifest.input)
        self._altered_rows = metrics.altered_rows.labels(*labels)
        self._rows = metrics.rows.labels(*labels)
        self._expected_errors = metrics.expected_errors.labels(*labels)
        self._reliability = metrics.reliability.labels(*labels)
        self._typicality = metrics.typicality.labels(*labels)
        self._tail_ratio = metrics.tail_ratio.labels(*labels)
        self._stages = [metrics.stage_seconds.labels(*labels, stage) for stage in Stages._fields]
        self._non_finite = metrics.non_finite.labels(*labels)
        self._told = {
            (band, outcome): metrics.feedback_rows.labels(*labels, band, outcome)
            for band in BANDS
            for outcome in OUTCOMES
        }
        self._told_expected_errors = {band: metrics.feedback_expected_errors.labels(*labels, band) for band in BANDS}
        self._batch_rows = metrics.batch_rows.labels(*labels)
        self._batches = {reason: metrics.batches.labels(*labels, reason) for reason in get_args(Reason)}

    def take(self, taken: Input) -> None:
        """Count rows of this kind from now on: of a table by its features."""
        self.count_held()
        self.taken = taken
        self._features: FeatureTally | None = None
        # Images, tokens and sensitivities are large, and nothing is counted of them.
        self._counted: slice | tuple[slice, slice] | None = slice(0)
        if isinstance(taken, TableInput):
            self._features = self._metrics.features.labels(*self._labels, table=taken)
            self._counted = None if taken.text is None else (slice(None), slice(len(taken.features)))

    def record(self, rows: NDArray[Any], scores: Scores) -> None:
        """Count what was run, by itself where it is much, else together with others, before anyone can see it.

        Args:
            rows: as they were run, see `service.inference.feeds.Rows`.
            scores: their scores.
        """
        kept = rows if self._counted is None else rows[self._counted].copy()
        self._held.append((kept, {name: scores[name] for name in _COUNTED}))
        self._held_rows += len(rows)
        if self._held_rows >= _MOST_HELD:
            self.count_held()

    def count_held(self) -> None:
        """Count what waits to be counted."""
        if self._held_stages:
            stages, self._held_stages = np.array(self._held_stages, np.float32).T, []
            for histogram, seconds in zip(self._stages, stages, strict=True):
                histogram.observe(seconds)
        if not self._held:
            return
        held, self._held, count, self._held_rows = self._held, [], self._held_rows, 0
        rows = np.concatenate([rows for rows, _ in held]) if len(held) > 1 else held[0][0]
        scores = {name: np.concatenate([scores[name] for _, scores in held]) for name in _COUNTED}
        if self._features is not None:
            self._features.observe(rows)
        self._rows.inc(count)
        self._expected_errors.inc(max(count - self._reliability.observe(scores["reliability"]), 0.0))
        self._typicality.observe(scores["typicality"])
        self._tail_ratio.observe(scores["tail_ratio"])

    def remove(self) -> None:
        """Take the series out of the exposition; what is still recorded here is seen by nobody."""
        metrics, labels = self._metrics, self._labels
        counters = (metrics.rows, metrics.expected_errors, metrics.altered_rows, metrics.non_finite, metrics.batch_rows)
        for counter in counters:
            counter.remove(*labels)
        for collector in (metrics.reliability, metrics.typicality, metrics.tail_ratio, metrics.features):
            collector.remove(*labels)
        for key in self._told:
            metrics.feedback_rows.remove(*labels, *key)
        for band in BANDS:
            metrics.feedback_expected_errors.remove(*labels, band)
        for stage in Stages._fields:
            metrics.stage_seconds.remove(*labels, stage)
        for reason in self._batches:
            metrics.batches.remove(*labels, reason)

    def record_batch(self, dispatch: Dispatch) -> None:
        """Count a run."""
        self._batch_rows.observe_one(dispatch.rows)
        self._batches[dispatch.reason].inc()

    def record_altered(self, rows: int) -> None:
        """Count rows that were cut or resized."""
        self._altered_rows.inc(rows)

    def record_non_finite(self) -> None:
        """Count a request that was refused because an output was not finite."""
        self._non_finite.inc()

    def record_feedback(self, reliability: float, *, confirmed: bool) -> None:
        """Count a row whose true label was told."""
        band = BANDS[bisect_right(_EDGES, reliability)]
        self._told[band, "confirmed" if confirmed else "wrong"].inc()
        self._told_expected_errors[band].inc(max(1 - reliability, 0.0))

    def record_stages(self, seconds: Stages) -> None:
        """Time the stages of a request."""
        self._held_stages.append(seconds)
        if len(self._held_stages) >= _MOST_HELD:
            self.count_held()
