"""Paired tests that suit the design: of the folds of repeated cross-validation, and of seeds."""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

Floats = NDArray[np.float64]

LEVEL = 0.05
_TAIL = LEVEL / 2

_QUANTILES = 4000


class Difference(NamedTuple):
    """A paired difference with its 95 % interval, the two-sided p-value of there being none, and the effect's size."""

    difference: float
    low: float
    high: float
    p: float

    effect: float
    effect_low: float
    effect_high: float


def corrected_t(differences: Floats, folds: int) -> Difference:
    """Return what the corrected resampled t-test finds of repeated cross-validation.

    The training sets of two folds share most of their rows, so their differences vary together. Nadeau and Bengio
    (2003) put (1/n + n_test/n_training) S² in the place of S²/n as the variance of the mean of n differences; Bouckaert
    and Frank (2004) take all folds of all repeats as the n, with n − 1 degrees of freedom. The difference is the mean;
    the effect is Cohen's d_z, the mean over the standard deviation of the differences, its interval by inverting the
    noncentral t distribution with the same correction.

    Args:
        differences: of each fold of each repeat, [n].
        folds: k; a fold is tested on 1/(k − 1) as many rows as it is trained on.

    Raises:
        ValueError: if there are fewer than two differences or two folds.
    """
    _refuse_few(differences)
    if folds < 2:
        raise ValueError(f"cross-validation has at least two folds: got {folds}")
    n = len(differences)
    mean, deviation = float(differences.mean()), float(differences.std(ddof=1))
    scale = (1 / n + 1 / (folds - 1)) ** 0.5
    # As good as equal: what is left of equal numbers after rounding.
    if deviation <= 1e-12 * max(1.0, abs(mean)):
        effect = float(np.sign(mean)) * np.inf if mean else 0.0
        return Difference(mean, mean, mean, float(mean == 0), effect, effect, effect)
    t = mean / (scale * deviation)
    half = float(stats.t.isf(_TAIL, n - 1)) * scale * deviation
    low, high = (_noncentrality(t, n - 1, share) * scale for share in (1 - _TAIL, _TAIL))
    p = float(2 * stats.t.sf(abs(t), n - 1))
    return Difference(mean, mean - half, mean + half, p, mean / deviation, low, high)


def _noncentrality(t: float, freedom: int, share: float) -> float:
    """Return δ such that `share` of the noncentral t distribution lies below t.

    P(T ≤ t) = E Φ(t·s − δ), where s² is χ² over its degrees of freedom; the mean is taken over quantiles of s, which is
    right to four digits, falls with δ, and knows no value at which it fails, as scipy.stats.nct.cdf does.
    """
    centres = t * _scales(freedom)

    def excess(noncentrality: float) -> float:
        return float(special.ndtr(centres - noncentrality).mean()) - share

    return float(optimize.brentq(excess, centres.min() - 8, centres.max() + 8))


@cache
def _scales(freedom: int) -> Floats:
    """Return quantiles of √(χ²/ν)."""
    quantiles = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    scales: Floats = np.sqrt(stats.chi2.ppf(quantiles, freedom) / freedom)
    return scales


def signed_rank(differences: Floats) -> Difference:
    """Return what Wilcoxon's signed-rank test finds of seeds.

    The p-value is exact, given the ranks: ties share their mean rank, zeros are left out, as Wilcoxon did. The
    difference is Hodges and Lehmann's (1963), the median of the means of all pairs of differences, its interval by the
    same test (Hollander and Wolfe, 1999, section 3.3); it is unbounded where there are too few seeds for any. The
    effect is the matched-pairs rank-biserial correlation (Kerby, 2014), the share of the ranks in favour minus that
    against, with an interval in Wilson's manner, see `_rank_biserial_interval`.

    Args:
        differences: of each seed, [n].

    Raises:
        ValueError: if there are fewer than two.
    """
    _refuse_few(differences)
    kept = differences[differences != 0]
    if not len(kept):
        return Difference(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
    ranks = stats.rankdata(np.abs(kept))
    in_favour = float(ranks[kept > 0].sum())
    distribution = _rank_sums(ranks)
    # Doubled, as ranks are in there: half ranks are whole numbers then.
    observed = round(2 * in_favour)
    p = min(1.0, 2 * min(distribution[: observed + 1].sum(), distribution[observed:].sum()))
    effect = 2 * in_favour / float(ranks.sum()) - 1
    low, high = _rank_biserial_interval(effect, len(kept))
    return Difference(*_hodges_lehmann(differences), float(p), effect, low, high)


def least_p(seeds: int) -> float:
    """Return the least p-value that `signed_rank` can give of so many seeds: all their differences of one sign."""
    return float(min(1.0, 2.0 ** (1 - seeds)))


def bonferroni(p: Floats) -> Floats:
    """Return p-values [n] of one family, corrected by Bonferroni."""
    corrected: Floats = np.minimum(1, p * len(p))
    return corrected


def _refuse_few(differences: Floats) -> None:
    if len(differences) < 2:
        raise ValueError(f"at least two differences are compared: got {len(differences)}")


def _rank_sums(ranks: Floats) -> Floats:
    """Return the chance of each doubled sum of those ranks [n] that get a plus, each by the toss of a coin."""
    doubled = np.rint(2 * ranks).astype(int)
    chance = np.zeros(doubled.sum() + 1)
    chance[0] = 1
    for rank in doubled:
        with_it = np.zeros_like(chance)
        with_it[rank:] = chance[: len(chance) - rank]
        chance = (chance + with_it) / 2
    return chance


def _hodges_lehmann(differences: Floats) -> tuple[float, float, float]:
    n = len(differences)
    first, second = np.triu_indices(n)
    means = np.sort((differences[first] + differences[second]) / 2)
    below = np.cumsum(_rank_sums(np.arange(1.0, n + 1))[::2])
    # So many means at either end are left out: the sums of ranks that at most 2.5 % lie at or below.
    cut = int(np.count_nonzero(below <= _TAIL))
    if not cut:
        return float(np.median(means)), -np.inf, np.inf
    return float(np.median(means)), float(means[cut - 1]), float(means[-cut])


def _rank_biserial_interval(effect: float, n: int) -> tuple[float, float]:
    """Return the ρ within 1.96 standard errors of r, the error being that at ρ, as Wilson (1927) has it of a share.

    Without a difference the variance of r is v = (2/3)(2n + 1) / (n(n + 1)); at ρ it is taken to be v(1 − ρ²), which
    makes it vanish where every difference has one sign.
    """
    spread = float(special.ndtri(1 - _TAIL)) ** 2 * (2 / 3) * (2 * n + 1) / (n * (n + 1))
    half = (spread * (1 - effect * effect + spread)) ** 0.5
    return (effect - half) / (1 + spread), (effect + half) / (1 + spread)
