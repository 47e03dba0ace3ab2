"""Levels of `reliability` that keep a promise: of the rows at or above one, at most a stated share is wrong.

Learn then Test (Angelopoulos, Bates, Candès, Jordan and Lei, "Learn then Test: calibrating predictive algorithms to
achieve risk control", 2021) with split fixed-sequence testing. The held-out rows fall into two halves:

- the *fitting* half gives the score everything it learns from labels or calibration rows (temperature, tail scale,
  regression), the candidate levels, and where the sequence of tests starts;
- the *testing* half, which none of these has seen, tests "the risk at this level is above r" level by level, each at
  the full δ, from the start to ever lower levels; the first that fails ends it, and the last that passed is taken.

A wrong level is taken only if the first wrong one of the sequence passes, and that has probability at most δ over the
draw of the testing half: at a fixed level the errors among k accepted rows are Binomial(k, risk) given k, so the
binomial p-value is exact. It wants exchangeable rows, and two halves cut at random: were they cut by label, their mix
of classes would agree better than chance allows, and what looks best in one half would look too good in the other.

What does not enter the score may use every row: the conformal scale behind `typicality`, the mean norms, τ.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from model_export.errors import DataError
from service.manifest import Level

DELTA = 0.1
"""Chance, over the draw of the calibration rows, that a level's risk is above what it promises."""

REVIEW_RISK, REJECT_RISK = 0.1, 0.3
"""Unless a task sets its own: one in ten may be wrong where nobody looks, three in ten of all that is used at all."""

_DIGITS = 4
"""Levels are scores cut to so many decimals: coarser than float32 and its rounding, and fit to be read."""


class Judged(NamedTuple):
    """Rows of one half."""

    scores: NDArray[np.float64]
    """reliability [n]"""
    wrong: NDArray[np.bool_]
    """whether the label is wrong [n]"""


def halves(rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of the fitting and the testing half of `rows` rows, cut at random, always alike."""
    order = np.random.default_rng(0).permutation(rows)
    middle = (rows + 1) // 2
    return np.sort(order[:middle]), np.sort(order[middle:])


def check_risks(review: float, reject: float) -> None:
    """Raise DataError unless 0 < `review` < `reject` < 1."""
    if not 0 < review < reject < 1:
        raise DataError(
            f"review_risk is {review} and reject_risk {reject}: give two shares of wrong answers between 0 and 1, the "
            "first below the second"
        )


def selective_levels(fitting: Judged, testing: Judged, risks: Sequence[float]) -> list[Level]:
    """Return the lowest level that each of the risks is promised at with confidence 1 − δ, for each by itself.

    The sequence of tests starts where the fitting half is surest, by the same p-value, and never above where the
    sequence of a smaller risk started: so levels descend as risks rise, but for those that are null.

    Args:
        fitting: the rows that the score was fitted to.
        testing: rows that nothing about the score or the candidates was chosen by.
        risks: ascending.
    """
    scores = np.unique(np.floor(fitting.scores * 10**_DIGITS))[::-1] / 10**_DIGITS
    accepted, errors = _counts(testing, scores)
    levels, start = [], 0
    for risk in risks:
        start += int(_p_values(*_counts(fitting, scores[start:]), risk).argmin())
        passed = _p_values(accepted[start:], errors[start:], risk) <= DELTA
        taken = start + int(np.logical_and.accumulate(passed).sum()) - 1
        found = taken >= start
        levels.append(
            Level(
                score=float(scores[taken]) if found else None,
                risk=risk,
                confidence=1 - DELTA,
                rows=len(testing.scores),
                coverage=float(accepted[taken] / len(testing.scores)) if found else 0.0,
                observed_risk=float(errors[taken] / accepted[taken]) if found else None,
            )
        )
    return levels


def _counts(rows: Judged, levels: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many rows each level accepts [M], and how many of them are wrong [M]."""
    order = np.argsort(rows.scores)
    below = np.searchsorted(rows.scores[order], levels, side="left")
    errors_below = np.concatenate([[0], np.cumsum(rows.wrong[order])])
    return len(order) - below, errors_below[-1] - errors_below[below]


def _p_values(accepted: NDArray[np.int64], errors: NDArray[np.int64], risk: float) -> NDArray[np.float64]:
    """Return P(Binomial(accepted, risk) ≤ errors) [M], the p-values of "the risk is above `risk`"."""
    found: NDArray[np.float64] = binom.cdf(errors, accepted, risk)
    return found
