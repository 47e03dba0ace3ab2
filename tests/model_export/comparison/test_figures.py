"""Figures beside their definitions elsewhere, and intervals on answers whose difference is known."""

import numpy as np
import pytest
import torch

from model_export.chainzrule import tail_ratio
from model_export.comparison.figures import Figure, Pair, _mean, _tail, figures_of_classes, figures_of_numbers
from model_export.comparison.judged import Judged
from model_export.studies.metrics import expected_calibration_error, failure_auroc

ROWS = 600


def made(accuracy: float, seed: int) -> Judged:
    generator = np.random.default_rng(seed)
    right = generator.random(ROWS) < accuracy
    score = np.clip(0.6 + 0.2 * right + 0.15 * generator.normal(size=ROWS), 0.01, 0.99)
    return Judged(
        right=right,
        brier=(score - right) ** 2,
        score=score,
        typicality=generator.random(ROWS),
        tail_ratio=np.exp(0.3 * generator.normal(size=ROWS)),
        said=right.astype(object),
        error=np.where(right, 0.5, 2.0),
        inside=right.astype(float),
        width=np.full(ROWS, 2.0),
    )


def by_name(figures: list[Figure]) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures}


def test_each_figure_is_what_it_is_elsewhere() -> None:
    old, new = made(0.8, 1), made(0.7, 2)
    found = by_name(figures_of_classes(Pair.of(old, new), levels=True))
    for figures, judged in (
        ({name: figure.old for name, figure in found.items()}, old),
        ({name: figure.new for name, figure in found.items()}, new),
    ):
        assert figures == {
            "accuracy": pytest.approx(judged.right.mean()),
            "levels off": pytest.approx(judged.error.mean()),
            "Brier score": pytest.approx(judged.brier.mean()),
            "calibration error": pytest.approx(expected_calibration_error(judged.score, judged.right)),
            "errors ranked, AUROC": pytest.approx(failure_auroc(judged.score, ~judged.right)),
            "typicality < 0.05": pytest.approx((judged.typicality < 0.05).mean()),
            "τ": pytest.approx(tail_ratio(torch.from_numpy(judged.tail_ratio))),
        }


def test_a_resample_is_what_its_rows_are() -> None:
    judged = made(0.8, 3)
    pair = Pair.of(judged, made(0.8, 4))
    counts = pair.resamples.counts[:, 7].astype(int)
    drawn = np.repeat(judged.tail_ratio, counts)
    assert _tail(pair.resamples, judged.tail_ratio)[7] == pytest.approx(np.quantile(drawn, 0.99) / drawn.mean())
    assert _mean(pair.resamples, judged.score)[7] == pytest.approx(np.repeat(judged.score, counts).mean())


def test_a_clear_loss_is_worse_and_one_within_the_tolerance_is_not() -> None:
    better, worse = made(0.9, 5), made(0.7, 6)
    accuracy = figures_of_classes(Pair.of(better, worse), levels=False)[0]
    assert accuracy.worse_by_more_than(0)
    assert not accuracy.worse_by_more_than(0.5)
    assert not figures_of_classes(Pair.of(worse, better), levels=False)[0].worse_by_more_than(0)
    error = figures_of_numbers(Pair.of(better, worse))[0]
    assert (error.name, error.better) == ("mean absolute error", "less")
    assert error.worse_by_more_than(0.1)
    assert not error.worse_by_more_than(1)


def test_versions_that_are_alike_are_rarely_told_apart() -> None:
    false_alarms = 0
    for seed in range(20):
        pair = Pair.of(made(0.8, 100 + seed), made(0.8, 200 + seed))
        accuracy = pair.mean("accuracy", "more", lambda judged: judged.right)
        false_alarms += accuracy.worse_by_more_than(0)
    assert false_alarms <= 3  # 2.5 % are to be expected


def test_without_an_error_there_is_no_ranking_and_no_interval() -> None:
    perfect = made(1.1, 7)
    ranking = by_name(figures_of_classes(Pair.of(perfect, made(0.8, 8)), levels=False))["errors ranked, AUROC"]
    assert ranking.old is None
    assert ranking.new is not None
    assert ranking.low is None
    assert not ranking.worse_by_more_than(0)
