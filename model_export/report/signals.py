"""Whether the served signals keep what they say, on the test rows: score, coverage, typicality, τ, sensitivity."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import binomtest, kstest, kstwobign

from model_export.chainzrule import tail_ratio
from model_export.report.answers import Answers, Bools, Floats
from model_export.studies.metrics import aurc, failure_auroc, risk_coverage
from service.inputs import TableInput

_BINS = 10
_FEWEST_OF_A_BIN = 12
_ALIKE = 0.001
_POINTS = 120
PARTS = 20
"""Bars of the histogram of typicality."""


class Bin(NamedTuple):
    """Test rows of similar probability."""

    rows: int
    said: float
    """Mean of the probabilities"""
    seen: float
    """Share of the rows that are right"""
    low: float
    high: float
    """Wilson's 95 % interval of that share"""


class Calibration(NamedTuple):
    """A probability of being right, held against how often that was so."""

    name: str
    bins: tuple[Bin, ...]
    error: float
    """Expected calibration error: the mean distance of what was said and seen, over the bins, weighted by their rows"""


class Selection(NamedTuple):
    """What share of the rows is wrong among the surest, by some confidence."""

    name: str
    points: tuple[tuple[float, float], ...]
    """(coverage, share of them that is wrong)"""
    area: float
    """Under the curve, AURC: the lower the better"""
    auroc: float
    """Chance that a wrong row has lower confidence than a right one; NaN where all are alike"""


class Promise(NamedTuple):
    """A level of the score: what it promised, and what became of that on the test rows."""

    name: str
    score: float | None
    risk: float
    confidence: float
    coverage: float
    """Share of the test rows at or above it"""
    wrong: int
    rows: int


class Usualness(NamedTuple):
    """Typicality of the test rows beside the uniform distribution that rows like the calibration rows have."""

    shares: Floats
    """Of the rows by twentieths, [PARTS]"""
    band: tuple[float, float]
    """Within which 95 % of such shares lie by chance, given how few rows there are on either side"""
    gap: float
    """Kolmogorov and Smirnov's: the largest between the rows' cumulative share and the diagonal"""
    p: float
    """Of so large a gap by chance, of two samples: the test rows, and the calibration rows behind the p-values"""
    alarms: float
    """Share of the rows that count as out of distribution"""


class Leaning(NamedTuple):
    """How much predictions hang on a feature."""

    name: str
    mean: float
    """|sensitivity| over the test rows, per training deviation of the feature"""
    low: float
    high: float
    """Its deciles, the first and the last"""


def wilson(count: int, rows: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval (1927) of a share."""
    found = binomtest(count, rows).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def calibrations(answers: Answers) -> Iterator[Calibration]:
    """Yield the score's calibration, and that of the largest probability where there are probabilities."""
    yield calibration("score", answers.reliability, answers.right)
    if answers.manifest.regression is None:
        chosen = answers.predicted[np.arange(len(answers.truth)), answers.scores["label"]]
        yield calibration("probability of the label", chosen, answers.right)


def calibration(name: str, probability: Floats, right: Bools) -> Calibration:
    """Return how a probability [n] of being right holds against what was right [n]."""
    parts = max(1, min(_BINS, len(right) // _FEWEST_OF_A_BIN))
    order = np.argsort(probability, kind="stable")
    # Rows of one probability stay together: what would tell them apart is chance.
    edges = np.unique(np.searchsorted(probability[order], probability[order[:: -(-len(order) // parts)]] - _ALIKE))
    bins = []
    for part in np.split(order, edges[1:]):
        count = int(right[part].sum())
        bins.append(Bin(len(part), float(probability[part].mean()), count / len(part), *wilson(count, len(part))))
    error = sum(one.rows * abs(one.said - one.seen) for one in bins) / len(right)
    return Calibration(name, tuple(bins), error)


def selections(answers: Answers) -> Iterator[Selection]:
    """Yield the score's risk–coverage curve, and that of what there was without it."""
    wrong = ~answers.right
    yield selection("score", answers.reliability, wrong)
    if answers.manifest.regression is None:
        yield selection("largest probability", answers.predicted.max(1), wrong)
    else:
        width = (answers.scores["upper"] - answers.scores["lower"]).astype(np.float64)
        yield selection("narrowness of the interval", -width, wrong)


def selection(name: str, confidence: Floats, wrong: Bools) -> Selection:
    """Return what a confidence [n] makes of rows that are wrong or not [n]."""
    coverage, errors = risk_coverage(confidence, wrong)
    # Among the very surest few, single rows decide.
    first = max(len(wrong) // 50, 1)
    places = np.unique(np.linspace(first, len(wrong), _POINTS).round().astype(int))
    points = zip(coverage[places].tolist(), (errors[places] / coverage[places]).tolist(), strict=True)
    return Selection(name, tuple(points), aurc(confidence, wrong), failure_auroc(confidence, wrong))


def promises(answers: Answers) -> Iterator[Promise]:
    """Yield what became of the levels that the manifest promises something of."""
    thresholds = answers.manifest.reference.thresholds
    for name, level in (("accept", thresholds.review), ("accept or review", thresholds.reject)):
        # Compared as the service does it: in float32.
        above = np.zeros(len(answers.truth), np.bool_)
        if level.score is not None:
            above = answers.scores["reliability"] >= np.float32(level.score)
        wrong = int((above & ~answers.right).sum())
        yield Promise(name, level.score, level.risk, level.confidence, float(above.mean()), wrong, int(above.sum()))


def usualness(answers: Answers) -> Usualness:
    """Return how usual the test rows are for the version."""
    typicality = answers.scores["typicality"].astype(np.float64)
    reference = answers.manifest.reference
    noise = 1 / len(typicality) + 1 / reference.rows
    shares = np.histogram(typicality, PARTS, (0, 1))[0] / len(typicality)
    half = 1.96 * (1 / PARTS * (1 - 1 / PARTS) * noise) ** 0.5
    gap = float(kstest(typicality, "uniform").statistic)
    alarms = float((typicality <= reference.thresholds.out_of_distribution.typicality).mean())
    band = (max(1 / PARTS - half, 0.0), 1 / PARTS + half)
    return Usualness(shares, band, gap, float(kstwobign.sf(gap / noise**0.5)), alarms)


def tau(answers: Answers) -> float:
    """Return τ of the test rows: the 99th percentile of ‖J‖ over its mean."""
    return float(tail_ratio(torch.from_numpy(answers.scores["tail_ratio"])))


def leanings(answers: Answers) -> tuple[Leaning, ...]:
    """Return the features of a table, the one that predictions hang on most first; none of other inputs."""
    if not isinstance(answers.manifest.input, TableInput):
        return ()
    size = np.abs(answers.scores["sensitivity"].astype(np.float64))
    low, high = np.quantile(size, [0.1, 0.9], axis=0)
    columns = zip(answers.manifest.table.names, size.mean(0).tolist(), low.tolist(), high.tolist(), strict=True)
    return tuple(sorted((Leaning(*column) for column in columns), key=lambda leaning: -leaning.mean))
