"""Resampled statistics against the metrics on rows that are really repeated, and the tests against known truths."""

import numpy as np
import pytest
from scipy.stats import kstest
from statsmodels.stats.multitest import multipletests

from model_export.studies import metrics
from model_export.studies.bootstrap import Resamples, augrc, holm, paired
from model_export.studies.rows import SOURCE


def test_every_resample_is_the_metric_on_repeated_rows() -> None:
    generator = np.random.default_rng(0)
    identity = np.concatenate([np.tile(np.arange(40), 3), SOURCE + np.arange(30)])
    wrong = generator.random(150) < 0.4
    confidence = generator.normal(size=150).round(1)
    resamples = Resamples(identity, resamples=20)
    aurocs, rates = resamples.auroc(confidence, wrong, identity), resamples.error_rate(wrong, identity)
    augrcs = augrc(aurocs, rates)
    for column in range(21):
        times = resamples.counts[np.searchsorted(resamples.known, identity), column].astype(int)
        repeated = np.repeat(np.arange(150), times)
        assert rates[column] == pytest.approx(wrong[repeated].mean())
        assert aurocs[column] == pytest.approx(metrics.failure_auroc(confidence[repeated], wrong[repeated]))
        assert augrcs[column] == pytest.approx(metrics.augrc(confidence[repeated], wrong[repeated]))
    assert aurocs[0] == pytest.approx(metrics.failure_auroc(confidence, wrong))
    assert len(np.unique(aurocs)) > 15


def test_rows_are_drawn_within_their_source() -> None:
    resamples = Resamples(np.concatenate([np.arange(50), np.arange(50), 2 * SOURCE + np.arange(20)]), resamples=100)
    assert len(resamples.known) == 70
    assert (resamples.counts[:50].sum(0) == 50).all()
    assert (resamples.counts[50:].sum(0) == 20).all()
    assert (resamples.counts[:, 0] == 1).all()
    again = Resamples(resamples.known, resamples=100)
    np.testing.assert_array_equal(again.counts, resamples.counts)
    assert resamples.counts[:, 1:].var() == pytest.approx(1, abs=0.1)


def p_values(advantage: float, copies: int, trials: int) -> list[float]:
    """p-values of one confidence against another, each row `copies` times over."""
    found = []
    for trial in range(trials):
        generator = np.random.default_rng(trial)
        wrong = generator.random(150) < 0.4
        ours = generator.normal(size=150) - (0.7 + advantage) * wrong
        theirs = generator.normal(size=150) - 0.7 * wrong
        identity = np.tile(np.arange(150), copies)
        resamples = Resamples(identity, resamples=200, seed=10_000 + trial)
        compared = (resamples.auroc(np.tile(one, copies), np.tile(wrong, copies), identity) for one in (ours, theirs))
        found.append(paired(*compared).p)
    return found


def test_where_nothing_differs_p_is_uniform_however_often_a_row_is_seen() -> None:
    once, often = p_values(0, 1, trials=300), p_values(0, 4, trials=30)
    assert once[:30] == pytest.approx(often, abs=0.01)
    assert kstest(once, "uniform").pvalue > 0.01
    assert np.mean(np.array(once) < 0.05) == pytest.approx(0.05, abs=0.035)


def test_a_difference_is_found() -> None:
    assert np.median(p_values(1.0, 1, trials=20)) < 0.02
    compared = paired(np.array([0.8, 0.79, 0.81]), np.array([0.7, 0.7, 0.7]))
    assert compared.difference == pytest.approx(0.1)
    assert compared.low < 0.1 < compared.high
    assert compared.p == pytest.approx(2 / 3)


def test_a_confidence_does_not_differ_from_itself() -> None:
    same = np.random.default_rng(0).random(101)
    assert paired(same, same) == (0, 0, 0, 1)


def test_holm_multiplies_the_smallest_by_the_number_of_tests_and_stays_monotone() -> None:
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.5])), [0.04, 0.09, 0.09, 0.5])
    p = np.random.default_rng(0).random(30) ** 3
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])


def test_a_resample_without_the_statistic_is_a_refusal_and_not_significant() -> None:
    with pytest.raises(ValueError, match="too few to compare by a bootstrap"):
        paired(np.array([0.6, np.nan, 0.7]), np.array([0.5, 0.5, 0.5]))
