import numpy as np
import pandas as pd
import pytest

from model_export.studies import metrics
from model_export.studies.bootstrap import holm
from model_export.studies.comparisons import SAME_DISTANCE, compare
from tests.model_export.studies.made_up_rows import make_rows

SEEDS = [
    make_rows(
        {"reliability": 1.5, "msp": 0.0, "typicality": 0.0, "knn_inputs": 1.5, "ensemble": 2.0}
        | dict.fromkeys(SAME_DISTANCE, 1.5),
        seed=seed,
    )
    for seed in (0, 1)
]


@pytest.fixture(scope="module")
def compared() -> pd.DataFrame:
    return compare(SEEDS)


def test_the_score_meets_every_single_baseline_on_both_questions(compared: pd.DataFrame) -> None:
    ranking = compared[compared["signal"] == "reliability"]
    assert set(ranking["baseline"]) == {"msp", "typicality", "knn_inputs"}
    assert (ranking.groupby(["question", "metric"]).size() == 3).all()
    assert set(ranking["question"]) == {"errors", "shifted"}


def test_values_are_the_metrics_means_over_seeds(compared: pd.DataFrame) -> None:
    rows = compared.set_index(["question", "metric", "baseline"]).to_dict("index")
    for metric, function in {"auroc": metrics.failure_auroc, "augrc": metrics.augrc}.items():
        for question in ("errors", "shifted"):
            parts = [(run, run.unshifted if question == "errors" else run.pooled) for run in SEEDS]
            means = {
                name: np.mean([function(run.confidences[name][part], run.wrong[part]) for run, part in parts])
                for name in ("reliability", "msp")
            }
            found = rows[question, metric, "msp"]
            assert found["ours"] == pytest.approx(means["reliability"])
            assert found["theirs"] == pytest.approx(means["msp"])
            assert found["difference"] == pytest.approx(means["reliability"] - means["msp"])


def test_what_is_better_is_told_from_what_is_equal(compared: pd.DataFrame) -> None:
    ranking = compared[(compared["question"] == "shifted") & (compared["metric"] == "auroc")]
    holds = ranking.set_index("baseline")["p_holm"] < 0.05
    assert holds["msp"]
    assert holds["typicality"]
    assert not holds["knn_inputs"]
    assert (ranking["low"] < ranking["difference"]).all()
    assert (ranking["difference"] < ranking["high"]).all()


def test_a_family_is_one_question_and_metric(compared: pd.DataFrame) -> None:
    for _, family in compared.groupby(["question", "metric"]):
        np.testing.assert_allclose(family["p_holm"], holm(family["p"].to_numpy()))


def test_noticing_is_the_mean_over_shifts_that_should_be_noticed(compared: pd.DataFrame) -> None:
    noticing = compared[compared["question"] == "noticing"].set_index("baseline")
    assert set(noticing.index) == set(SAME_DISTANCE)
    aurocs = [
        metrics.failure_auroc(run.confidences["typicality"][part], run.shift[part] > 0)
        for run in SEEDS
        for shift in (2, 3, 4)
        for part in [(run.shift == 0) | (run.shift == shift)]
    ]
    assert noticing["ours"].to_numpy() == pytest.approx(np.mean(aurocs))
