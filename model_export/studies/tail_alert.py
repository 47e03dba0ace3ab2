"""The tail ratio's alert, simulated beside the drift alert: how often it is wrong, and how many rows it needs.

The rule is that of deploy/prometheus/rules: the share of a window's rows above the 99th percentile of n calibration
rows, against a limit. Whatever the ratio's distribution, a new row's chance to lie there is the length of the last of
the gaps that n uniform numbers leave, so windows are drawn as counts, as in `drift`.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_export.studies import drift
from model_export.studies.rows import Floats, Rows

TAIL: Final = 0.01
"""Share of calibration rows above the reference τ."""


def limit(rows: int, calibration_rows: int) -> float:
    """Return the share of rows above τ that the alert tolerates with so many rows in its window."""
    expected = TAIL + 1 / calibration_rows
    return expected + 5 * float(np.sqrt(expected * (1 / rows + 1 / calibration_rows)))


def three_errors(rows: int, calibration_rows: int) -> float:
    """Return what an alert would tolerate that took the share for normal about 0.01."""
    return TAIL + 3 * float(np.sqrt(TAIL * (1 - TAIL) * (1 / rows + 1 / calibration_rows)))


def draw_tails(generator: np.random.Generator, calibration_rows: int, sets: int) -> Floats:
    """Return an unshifted row's chance [sets] to lie above the 99th percentile of a calibration set."""
    # The percentile lies between two neighbours in rank, as numpy and torch interpolate.
    below, between = divmod((calibration_rows - 1) * (1 - TAIL), 1)
    gamma = generator.gamma([below + 1, 1, calibration_rows - below - 1], size=(sets, 3))
    above: Floats = (gamma[:, 2] + (1 - between) * gamma[:, 1]) / gamma.sum(axis=1)
    return above


def false_alarms(generator: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield one record per number of calibration rows and of rows in a window, without shift by construction."""
    for n in drift.CALIBRATION_ROWS:
        kept = draw_tails(generator, n, drift.SETS)[:, None]
        for m in drift.WINDOW_ROWS:
            above = generator.binomial(m, draw_tails(generator, n, drift.PAIRS)) / m
            a_set = (generator.binomial(m, kept, size=(drift.SETS, drift.WINDOWS_A_SET)) / m > limit(m, n)).mean(axis=1)
            yield {
                "calibration_rows": n,
                "window_rows": m,
                **drift.interval(int((above > limit(m, n)).sum()), drift.PAIRS)._asdict(),
                "three_errors_share": (above > three_errors(m, n)).mean(),
                "sets_without_an_alarm": (a_set == 0).mean(),
                "worst_set_in_a_hundred": np.quantile(a_set, 0.99),
                "worst_set": np.max(a_set),
            }


def rows_needed(above: float, calibration_rows: int, generator: np.random.Generator) -> float:
    """Return with how many rows in a window a share above τ is noticed, infinite if not with the most tried."""
    for m in drift.GRID:
        windows = generator.binomial(m, above, size=drift.WINDOWS) / m
        if (windows > limit(m, calibration_rows)).mean() >= drift.POWER:
            return float(m)
    return float("inf")


def noticing(rows: Rows, generator: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield one record per shift of a run, as `drift.noticing` does: rows needed with all, and a tenth, shifted.

    Runs keep ‖J‖ and not its ratio to a mean by the two likeliest classes, which with two classes differs by a factor
    alone; its percentile is taken of the unshifted test rows, in the calibration rows' place.
    """
    norms: NDArray[np.floating] = -rows.confidences["jacobian_norm"]
    above = norms > np.quantile(norms[rows.unshifted], 1 - TAIL)
    clean, clean_rows = float(above[rows.unshifted].mean()), int(rows.unshifted.sum())
    for index in range(1, len(rows.names)):
        shifted = float(above[rows.shift == index].mean())
        yield {
            "rows_needed_tail_ratio": rows_needed(shifted, clean_rows, generator),
            "rows_needed_tail_ratio_a_tenth": rows_needed(0.9 * clean + 0.1 * shifted, clean_rows, generator),
        }
