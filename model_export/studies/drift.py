"""The drift alert, simulated: how often it is wrong, and how many rows it needs.

The rule is that of deploy/prometheus/rules: the largest gap, at the boundaries of the histogram of typicality, between
a window's cumulative share and what n calibration rows make of unshifted ones, against the critical value of the
two-sample Kolmogorov-Smirnov test. All that it sees of a window are counts by bucket, so windows are drawn as counts:
multinomially from rows at hand, and from a Dirichlet distribution over calibration sets where there are none, since
the cumulative share at a bucket is an order statistic of n uniform numbers.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import beta

from model_export.studies.rows import Floats, Rows
from service.monitoring.bounds import SHARE_BOUNDS

ALPHA: Final = 0.001
COEFFICIENT: Final = 1.95
"""√(−ln(α/2)/2), as the alert has it."""

CALIBRATION_ROWS: Final = (77, 154, 500, 1000, 5000)
WINDOW_ROWS: Final = (200, 1000, 10_000)
PAIRS: Final = 20_000
"""Windows without shift, each with a calibration set of its own."""

SETS, WINDOWS_A_SET = 500, 1000
"""Calibration sets that are kept, and windows that each then sees."""

GRID: Final = (20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 2000, 5000, 10_000)
"""Sizes of windows that are tried for noticing a shift."""

POWER: Final = 0.9
"""A shift is noticed with so many rows that at least this share of windows raises the alert."""

WINDOWS: Final = 1000
"""Windows for every figure on real rows."""

BOUNDS: Final = np.array(SHARE_BOUNDS, dtype=np.float32)


def reference(calibration_rows: int) -> Floats:
    """Return the share of unshifted rows with a typicality at or below each of BOUNDS, for n calibration rows."""
    return np.floor(np.array(SHARE_BOUNDS) * (calibration_rows + 1) + 1e-9) / (calibration_rows + 1)


def critical(rows: int, calibration_rows: int) -> float:
    """Return the gap that the alert tolerates with so many rows in its window."""
    return COEFFICIENT * float(np.sqrt(1 / rows + 1 / calibration_rows))


def shares(typicality: NDArray[np.floating]) -> Floats:
    """Return the share of rows [N] in each bucket [B + 1]."""
    found = np.searchsorted(BOUNDS, typicality.astype(np.float32), side="left")
    return np.bincount(found, minlength=len(BOUNDS) + 1) / len(typicality)


def gaps(counts: NDArray[np.int64], expected: Floats) -> Floats:
    """Return the largest gap of each window [W], given its counts by bucket [W, B + 1]."""
    cumulative = counts[:, :-1].cumsum(axis=1) / counts.sum(axis=1, keepdims=True)
    largest: Floats = np.abs(cumulative - expected).max(axis=1)
    return largest


class Interval(NamedTuple):
    """A share that was counted, with Clopper and Pearson's 95 % interval."""

    share: float
    low: float
    high: float


def interval(alarms: int, windows: int) -> Interval:
    """Return the share of windows with an alarm."""
    low = float(beta.ppf(0.025, alarms, windows - alarms + 1)) if alarms else 0.0
    high = float(beta.ppf(0.975, alarms + 1, windows - alarms)) if alarms < windows else 1.0
    return Interval(alarms / windows, low, high)


def draw_calibrations(generator: np.random.Generator, calibration_rows: int, sets: int) -> Floats:
    """Return the probability of each bucket [sets, B + 1] for an unshifted row, one calibration set a line."""
    ranks = np.rint(reference(calibration_rows) * (calibration_rows + 1))
    spacings = np.diff(ranks, prepend=0.0, append=calibration_rows + 1.0)
    gamma = generator.gamma(np.broadcast_to(spacings, (sets, len(spacings))))
    probabilities: Floats = gamma / gamma.sum(axis=1, keepdims=True)
    return probabilities


def false_alarms(generator: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield one record per number of calibration rows and of rows in a window, without shift by construction."""
    for n in CALIBRATION_ROWS:
        expected = reference(n)
        kept = draw_calibrations(generator, n, SETS)
        for m in WINDOW_ROWS:
            counts = generator.multinomial(m, draw_calibrations(generator, n, PAIRS))
            alarms = int((gaps(counts, expected) > critical(m, n)).sum())
            naive = (gaps(counts, np.array(SHARE_BOUNDS)) > COEFFICIENT / np.sqrt(m)).mean()
            a_set = [
                (gaps(generator.multinomial(m, one, size=WINDOWS_A_SET), expected) > critical(m, n)).mean()
                for one in kept
            ]
            yield {
                "calibration_rows": n,
                "window_rows": m,
                **interval(alarms, PAIRS)._asdict(),
                "one_sample_share": naive,
                "sets_without_an_alarm": np.mean(np.array(a_set) == 0),
                "worst_set_in_a_hundred": np.quantile(a_set, 0.99),
                "worst_set": np.max(a_set),
            }


def unshifted_alarms(rows: Rows, calibration_rows: int, generator: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield one record per size of windows drawn without replacement from a run's unshifted test rows."""
    typicality = rows.confidences["typicality"][rows.unshifted]
    counts = np.rint(shares(typicality) * len(typicality)).astype(np.int64)
    for m in (100, *WINDOW_ROWS):
        if m < len(typicality):
            windows = generator.multivariate_hypergeometric(counts, m, size=WINDOWS)
            alarms = gaps(windows, reference(calibration_rows)) > critical(m, calibration_rows)
            yield {"test_rows": len(typicality), "window_rows": m, "alarms": int(alarms.sum()), "windows": WINDOWS}


def rows_needed(
    typicality: NDArray[np.floating], calibration_rows: int, generator: np.random.Generator, clean: Floats | None = None
) -> float:
    """Return with how many rows in a window a shift is noticed, infinite if not with the most that are tried.

    Args:
        typicality: of shifted rows, which windows are drawn from with replacement.
        calibration_rows: n.
        generator: draws the windows.
        clean: shares by bucket of unshifted rows, to have nine in ten of a window's rows from these.
    """
    shifted = shares(typicality)
    mixed = shifted if clean is None else 0.9 * clean + 0.1 * shifted
    for m in GRID:
        windows = generator.multinomial(m, mixed, size=WINDOWS)
        if (gaps(windows, reference(calibration_rows)) > critical(m, calibration_rows)).mean() >= POWER:
            return float(m)
    return float("inf")


def noticing(rows: Rows, calibration_rows: int, generator: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield one record per shift of a run: rows needed with all, and with a tenth, of the traffic shifted."""
    typicality = rows.confidences["typicality"]
    clean = shares(typicality[rows.unshifted])
    for index in range(1, len(rows.names)):
        part = typicality[rows.shift == index]
        yield {
            "shift": str(rows.names[index]),
            "severity": int(rows.severity[index]),
            "rows_needed": rows_needed(part, calibration_rows, generator),
            "rows_needed_a_tenth": rows_needed(part, calibration_rows, generator, clean),
        }


def summarise(records: pd.DataFrame) -> pd.DataFrame:
    """Return medians over seeds of the rows needed, a line per set, shift and severity."""
    needed = [name for name in records.columns if name.startswith("rows_needed")]
    return records.groupby(["set", "shift", "severity"], sort=False)[needed].median()
