"""Paired bootstrap over test rows: one row in several shifts and seeds is one cluster, drawn or left as a whole.

Resampling a row k times is counting it k times, so a resample is a column of multiplicities and every statistic is a
weighted one. What varies is the test set; the trained networks and the choice of shifts stay as they are.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.studies.rows import SOURCE, Bools, Codes, Floats

RESAMPLES = 2000
SEED = 20_240_701
"""Of no other draw here: two draws from one stream would not be independent."""
LEVEL = 0.05

_COLUMNS = 16
"""Resamples computed at a time: few enough for the processor's cache."""


class Difference(NamedTuple):
    """A paired difference, its 95 % percentile interval, and the two-sided p-value of there being none."""

    difference: float
    low: float
    high: float
    p: float


class Resamples:
    """Multiplicities of test rows, drawn within each source of rows; the first column is the sample as it is.

    Args:
        identities: of all rows that will be asked about.
        resamples: B.
        seed: of the draw.
    """

    def __init__(self, identities: Codes, resamples: int = RESAMPLES, seed: int = SEED) -> None:
        generator = np.random.default_rng(seed)
        self.known = np.unique(identities)
        # Whole numbers, and so are their sums and products below: float32 holds them exactly up to 2²⁴.
        self.counts = np.ones((len(self.known), resamples + 1), dtype=np.float32)
        sources = self.known // SOURCE
        for source in np.unique(sources):
            members = np.flatnonzero(sources == source)
            shares = np.full(len(members), 1 / len(members))
            self.counts[members, 1:] = generator.multinomial(len(members), shares, size=resamples).T

    def error_rate(self, wrong: Bools, identity: Codes) -> Floats:
        """Return the share of rows [N] that are wrong, in every resample [B + 1]."""
        cluster = np.searchsorted(self.known, identity)
        errors, rows = (np.bincount(part, minlength=len(self.known)) for part in (cluster[wrong], cluster))
        return (errors @ self.counts) / (rows @ self.counts)

    def auroc(self, confidence: NDArray[np.floating], wrong: Bools, identity: Codes) -> Floats:
        """Return `metrics.failure_auroc` in every resample [B + 1] of rows [N]; ties count half."""
        cluster = np.searchsorted(self.known, identity)
        order = np.argsort(confidence[~wrong], kind="stable")
        right, errors = cluster[~wrong][order], cluster[wrong]
        ranked = confidence[~wrong][order]
        below, up_to = (np.searchsorted(ranked, confidence[wrong], side) for side in ("left", "right"))
        return np.concatenate([_auroc(counts[right], counts[errors], below, up_to) for counts in self._blocks()])

    def _blocks(self) -> Iterator[NDArray[np.float32]]:
        for start in range(0, self.counts.shape[1], _COLUMNS):
            yield np.ascontiguousarray(self.counts[:, start : start + _COLUMNS])


def _auroc(right: NDArray[np.float32], wrong: NDArray[np.float32], below: Codes, up_to: Codes) -> Floats:
    """Return AUROCs [b] from the weights of right rows by ascending confidence [R, b] and of wrong ones [W, b].

    `below` and `up_to` [W] count the right rows with less than a wrong one's confidence, and with at most that.
    """
    cumulated = np.zeros((len(right) + 1, right.shape[1]), dtype=np.float32)
    np.cumsum(right, axis=0, out=cumulated[1:])
    passed = (wrong * (cumulated[below] + cumulated[up_to])).sum(0, dtype=np.float64)
    pairs = cumulated[-1].astype(np.float64) * wrong.sum(0, dtype=np.float64)
    share: Floats = 1 - passed / (2 * pairs)
    return share


def augrc(auroc: Floats, error_rate: Floats) -> Floats:
    """Return `metrics.augrc`, which the two determine: (1 − AUROC)·e(1 − e) + e²/2 (Traub et al., 2024)."""
    return (1 - auroc) * error_rate * (1 - error_rate) + error_rate**2 / 2


def paired(ours: Floats, theirs: Floats) -> Difference:
    """Return ours − theirs from a statistic in every resample [B + 1], the first being the sample as it is.

    Raises:
        ValueError: if a resample has no such statistic, as an AUROC has none without an error.
    """
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        raise ValueError("a resample has no error, or nothing else: there are too few to compare by a bootstrap")
    observed, *_ = differences = ours - theirs
    resampled = differences[1:]
    low, high = np.quantile(resampled, [0.025, 0.975])
    tails = [(1 + np.count_nonzero(tail)) / (len(resampled) + 1) for tail in (resampled <= 0, resampled >= 0)]
    return Difference(float(observed), float(low), float(high), min(1.0, 2 * min(tails)))


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values [n] of one family, corrected by Holm (1979)."""
    order = np.argsort(p)
    corrected = np.empty(len(p))
    corrected[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return corrected
