"""Calibration rows and networks at the edge of what there is, and what the calibrated signals promise on fresh rows."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import kstest

from model_export.errors import DataError
from model_export.graph.calibration import Calibration, calibrate
from model_export.graph.onnx_writer import export_graph
from model_export.graph.scorer import Scorer, Scores, as_arrays
from model_export.reliability.thresholds import halves
from model_export.training import ChainzRuleClassifier
from tests.conftest import codes_of, make_table

Table = tuple[pd.DataFrame, "pd.Series[str]"]

USUAL = make_table(100, seed=2)[0].to_numpy(np.float32)


def score(scorer: Scorer, table: pd.DataFrame) -> Scores[NDArray[np.float64]]:
    return as_arrays(scorer(torch.from_numpy(table.to_numpy(copy=True))))


def all_finite(scores: Scores[NDArray[np.float64]]) -> bool:
    return all(np.isfinite(output).all() for output in scores.present().values())


def far(rows: int) -> pd.DataFrame:
    """Rows at the clamp, in every combination of signs."""
    table = make_table(rows, seed=9)[0].fillna(1e9)
    return (table - [20, 5, 1000, 0]) * 1e9


def test_typicality_is_uniform_on_rows_never_used_for_training_or_calibration(
    estimator: ChainzRuleClassifier, table: Table
) -> None:
    scorer = calibrate(estimator, table[0], *make_table(5000, seed=20)).scorer
    fresh = score(scorer, make_table(500, seed=21)[0]).typicality
    assert kstest(fresh, "uniform").pvalue > 0.01


def test_levels_keep_their_promise_on_fresh_rows(estimator: ChainzRuleClassifier, table: Table) -> None:
    fresh, labels = make_table(20_000, seed=30)
    codes, broken, found = codes_of(labels), 0, 0
    for seed in range(40, 70):
        calibration = calibrate(estimator, table[0], *make_table(200, seed=seed))
        scores = score(calibration.scorer, fresh)
        for level in (calibration.reference.thresholds.review, calibration.reference.thresholds.reject):
            if level.score is not None:
                accepted = scores.reliability >= level.score
                found += 1
                broken += (scores.label != codes)[accepted].mean() > level.risk
    assert found > 40
    # 60 promises at 0.1 each: more than 13 broken ones have probability below 0.003.
    assert broken <= 13


def test_the_score_and_its_candidates_see_nothing_of_the_half_that_tests_them(
    estimator: ChainzRuleClassifier, table: Table
) -> None:
    held_out, labels = make_table(200, seed=2)
    order = np.concatenate(halves(200))
    seen, unseen = np.argsort(order) < 100, np.argsort(order) >= 100
    other_rows, other_labels = make_table(200, seed=12)
    mixed_rows = pd.concat([held_out[seen], other_rows[unseen]]).sort_index()
    mixed_labels = pd.concat([labels[seen], other_labels[unseen]]).sort_index()
    before = calibrate(estimator, table[0], held_out, labels).scorer
    after = calibrate(estimator, table[0], mixed_rows, mixed_labels).scorer
    fresh = make_table(100, seed=5)[0]
    np.testing.assert_array_equal(score(before, fresh).reliability, score(after, fresh).reliability)
    assert (score(before, fresh).typicality != score(after, fresh).typicality).any()


def test_rows_far_outside_training_get_finite_signals_at_the_floor_of_the_p_value(calibration: Calibration) -> None:
    scores = score(calibration.scorer, far(40))
    assert all_finite(scores)
    floor = calibration.reference.smallest_typicality
    assert scores.typicality == pytest.approx(np.full(40, floor))
    assert floor < calibration.reference.thresholds.out_of_distribution.typicality
    # Their signature says nothing of right or wrong: what is left is a guess among three.
    assert scores.reliability == pytest.approx(np.full(40, 1 / 3), abs=1e-3)


def test_a_constant_feature_is_calibrated_and_exported_like_any_other(table: Table) -> None:
    features, labels = table[0].assign(constant=98.6), table[1]
    fitted = ChainzRuleClassifier((8,), max_epochs=10, learning_rate=0.01, random_state=0).fit(features, labels)
    held_out, held_out_labels = make_table(100, seed=2)
    scorer = calibrate(fitted, features, held_out.assign(constant=98.6), held_out_labels).scorer
    export_graph(scorer, "features", np.insert(USUAL, 4, 98.6, axis=1))
    for value in (98.6, 0.0, 1e30):
        assert all_finite(score(scorer, held_out.assign(constant=value)))


@pytest.mark.parametrize("rows", [1, 2, 19])
def test_too_few_calibration_rows_are_refused_with_the_number_that_is_enough(
    estimator: ChainzRuleClassifier, table: Table, rows: int
) -> None:
    with pytest.raises(DataError, match=f"{rows} calibration rows are too few for a p-value: give at least 20"):
        calibrate(estimator, table[0], *make_table(rows, seed=2))


def test_twenty_calibration_rows_are_enough_for_every_figure(estimator: ChainzRuleClassifier, table: Table) -> None:
    found = calibrate(estimator, table[0], *make_table(20, seed=2))
    assert found.reference.thresholds.out_of_distribution.false_alarm_rate == 0.05
    # Ten rows to test on: not even ten right ones make a risk of 0.1 sure.
    assert found.reference.thresholds.review.score is None
    assert all_finite(score(found.scorer, make_table(100, seed=5)[0]))
    export_graph(found.scorer, "features", USUAL)


def test_calibration_rows_that_are_all_the_same_row_give_finite_signals(
    estimator: ChainzRuleClassifier, table: Table
) -> None:
    held_out = make_table(1, seed=2)[0]
    alike = pd.concat([held_out] * 60, ignore_index=True)
    right = estimator.predict(held_out)[0]
    found = calibrate(estimator, table[0], alike, [right] * 60)
    for rows in (alike, make_table(100, seed=5)[0], far(10)):
        assert all_finite(score(found.scorer, rows))
    assert score(found.scorer, alike).typicality == pytest.approx(np.ones(60))
    assert found.reference.thresholds.review.coverage == 1
    export_graph(found.scorer, "features", USUAL)


def test_a_class_absent_from_the_calibration_rows_is_answered_all_the_same(
    estimator: ChainzRuleClassifier, table: Table
) -> None:
    held_out, labels = make_table(200, seed=2)
    known = labels != "high"
    found = calibrate(estimator, table[0], held_out[known], labels[known])
    scores = score(found.scorer, held_out)
    assert all_finite(scores)
    assert scores.probabilities.shape == (200, 3)
    assert (scores.label == codes_of(labels)).mean() > 0.6


def test_a_network_without_errors_is_accepted_on_every_row(estimator: ChainzRuleClassifier, table: Table) -> None:
    held_out = make_table(100, seed=2)[0]
    found = calibrate(estimator, table[0], held_out, estimator.predict(held_out))
    thresholds = found.reference.thresholds
    assert thresholds.review.observed_risk == thresholds.reject.observed_risk == 0
    assert thresholds.review.score == thresholds.reject.score
    assert thresholds.review.coverage > 0.8
    assert all_finite(score(found.scorer, held_out))


def test_a_network_that_knows_nothing_gets_no_level(estimator: ChainzRuleClassifier, table: Table) -> None:
    held_out, labels = make_table(300, seed=2)
    found = calibrate(estimator, table[0], held_out, np.random.default_rng(0).permutation(labels))
    assert found.reference.thresholds.review.score is None
    assert found.reference.thresholds.reject.score is None
    assert all_finite(score(found.scorer, held_out))


def test_risks_that_make_no_sense_are_refused(estimator: ChainzRuleClassifier, table: Table) -> None:
    with pytest.raises(DataError, match=r"review_risk is 0\.3 and reject_risk 0\.1"):
        calibrate(estimator, table[0], *table, review_risk=0.3, reject_risk=0.1)
