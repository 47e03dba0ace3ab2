"""Against scikit-learn where it has the metric, and against the definition, spelt out, where it has not."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from model_export.studies.metrics import (
    augrc,
    aurc,
    expected_calibration_error,
    failure_auroc,
    fpr_at_95_tpr,
    risk_at_coverage,
)

Arrays = tuple[NDArray[np.float64], NDArray[np.bool_]]


@pytest.fixture
def predictions() -> Arrays:
    generator = np.random.default_rng(0)
    confidence = generator.random(500)
    return confidence, generator.random(500) > confidence


def test_aurc_is_the_mean_selective_risk(predictions: Arrays) -> None:
    confidence, wrong = predictions
    ordered = wrong[np.argsort(-confidence)]
    assert aurc(confidence, wrong) == pytest.approx(np.mean([ordered[:k].mean() for k in range(1, 501)]))


def test_failure_auroc_is_scikit_learns(predictions: Arrays) -> None:
    confidence, wrong = predictions
    for values in (confidence, confidence.round(1)):
        assert failure_auroc(values, wrong) == pytest.approx(roc_auc_score(wrong, -values))


def test_augrc_is_the_rate_of_undetected_failures(predictions: Arrays) -> None:
    confidence, wrong = predictions
    # Its own form: the chance that a prediction is wrong and at least as confident as a random one.
    pairs = wrong[:, None] & (confidence[:, None] > confidence[None, :])
    same = wrong[:, None] & (confidence[:, None] == confidence[None, :])
    assert augrc(confidence, wrong) == pytest.approx((pairs + 0.5 * same).mean())
    # And its tie to the AUROC: (1 − AUROC_f) acc (1 − acc) + (1 − acc)² / 2.
    accuracy = 1 - wrong.mean()
    expected = (1 - failure_auroc(confidence, wrong)) * accuracy * (1 - accuracy) + (1 - accuracy) ** 2 / 2
    assert augrc(confidence, wrong) == pytest.approx(expected)


def test_ties_are_shared_in_whatever_order_they_come(predictions: Arrays) -> None:
    confidence, wrong = predictions
    tied = confidence.round(1)
    order = np.random.default_rng(1).permutation(500)
    for metric in (aurc, augrc, failure_auroc, fpr_at_95_tpr, risk_at_coverage):
        assert metric(tied, wrong) == pytest.approx(metric(tied[order], wrong[order]))
    constant = np.ones(500)
    assert aurc(constant, wrong) == pytest.approx(wrong.mean())
    assert augrc(constant, wrong) == pytest.approx(wrong.mean() / 2)
    assert failure_auroc(constant, wrong) == 0.5


def test_a_perfect_ranking_is_the_best() -> None:
    wrong = np.arange(100) >= 80
    confidence = -np.arange(100.0)
    assert failure_auroc(confidence, wrong) == 1
    assert fpr_at_95_tpr(confidence, wrong) == 0
    assert risk_at_coverage(confidence, wrong, 0.8) == 0
    assert risk_at_coverage(confidence, wrong, 0.9) == pytest.approx(10 / 90)
    assert augrc(confidence, wrong) == pytest.approx(0.2**2 / 2)


def test_nothing_to_rank_is_nan() -> None:
    for wrong in (np.zeros(5, dtype=bool), np.ones(5, dtype=bool)):
        assert np.isnan(failure_auroc(np.arange(5.0), wrong))
        assert np.isnan(fpr_at_95_tpr(np.arange(5.0), wrong))


def test_calibration_error_is_zero_for_a_calibrated_probability_and_the_gap_for_another() -> None:
    generator = np.random.default_rng(0)
    probability = generator.random(200_000)
    correct = generator.random(200_000) < probability
    assert expected_calibration_error(probability, correct) < 0.005
    assert expected_calibration_error(np.clip(probability + 0.1, 0, 2), correct) == pytest.approx(0.1, abs=0.005)
