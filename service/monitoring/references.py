"""What the signals are measured against, as metrics: the manifest's figures of the versions being served."""

from bisect import bisect_left
from math import floor
from typing import NamedTuple

from prometheus_client import Gauge

from service.inputs import TableInput
from service.manifest import Manifest
from service.monitoring.bounds import SHARE_BOUNDS, TAIL_RATIO_BOUNDS
from service.monitoring.feature_counts import MOST_FEATURES


class References(NamedTuple):
    """Gauges that stand still, so that an expression can compare with them; `Metrics` declares them."""

    tail_ratio: Gauge
    tail_ratio_bound: Gauge
    typicality: Gauge
    calibration_rows: Gauge
    evaluation_rows: Gauge
    error_ratio: Gauge
    expected_error_ratio: Gauge
    missing_ratio: Gauge

    def clear(self) -> None:
        """Forget every version."""
        for gauge in self:
            gauge.clear()

    def declare(self, manifest: Manifest) -> None:
        """Say what the figures of a version are."""
        labels = (manifest.name, str(manifest.version))
        reference, evaluation = manifest.reference, manifest.evaluation
        self.tail_ratio.labels(*labels).set(reference.tail_ratio)
        bounds = [*map(str, TAIL_RATIO_BOUNDS), "+Inf"]
        self.tail_ratio_bound.labels(*labels, bounds[bisect_left(TAIL_RATIO_BOUNDS, reference.tail_ratio)]).set(1)
        for bound in SHARE_BOUNDS:
            self.typicality.labels(*labels, str(bound)).set(typicality_share(bound, reference.rows))
        self.calibration_rows.labels(*labels).set(reference.rows)
        self.evaluation_rows.labels(*labels).set(evaluation.rows)
        self.error_ratio.labels(*labels).set(1 - evaluation.accuracy)
        self.expected_error_ratio.labels(*labels).set(1 - evaluation.mean_reliability)
        taken = manifest.input
        # The rows of a wide table are counted together, of which the manifest knows nothing.
        if isinstance(taken, TableInput) and len(taken.features) <= MOST_FEATURES:
            for feature in taken.features:
                self.missing_ratio.labels(*labels, feature.name).set(feature.missing_ratio)


def typicality_share(bound: float, rows: int) -> float:
    """Return the share of unshifted rows with a typicality at or below `bound`, by so many calibration rows.

    A typicality is the rank of a row among itself and these, over their number: a step function, near the diagonal.
    """
    ranks = rows + 1
    return floor(round(bound * ranks, 9)) / ranks  # 0.29 * 100 is a little less than 29
