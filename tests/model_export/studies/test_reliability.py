import numpy as np
import pytest

from model_export.studies import metrics, reliability
from model_export.studies.rows import SOURCE, Rows
from model_export.studies.runs import Records


def test_every_confidence_is_judged_on_every_shift(records: Records) -> None:
    scores = records.scores
    assert set(scores["activation"]) == set(reliability.ACTIVATIONS)
    polynomial = scores[scores["activation"] == "polynomial"]
    assert polynomial.groupby("confidence").size().nunique() == 1
    assert len(polynomial.groupby(["shift", "severity"])) == 15
    assert {"reliability", "typicality", "msp", "ensemble", "knn_inputs, two-sided"} <= set(scores["confidence"])


def test_a_row_keeps_its_identity_over_the_shifts(polynomial: Rows) -> None:
    assert polynomial.names.tolist()[0] == "none"
    assert polynomial.names.tolist()[-1] == "strangers"
    for shift, name in enumerate(polynomial.names):
        own = name == "strangers"
        expected = np.arange(150) + (shift * SOURCE if own else 0)
        np.testing.assert_array_equal(polynomial.identity[polynomial.shift == shift], expected)
        assert polynomial.labelled[shift] != own
    assert polynomial.wrong[polynomial.shift == len(polynomial.names) - 1].all()


@pytest.mark.parametrize("confidence", ["reliability", "msp", "knn_inputs, two-sided", "ensemble", "energy"])
def test_rows_rank_as_the_records_of_their_run_say(records: Records, polynomial: Rows, confidence: str) -> None:
    run = records.scores.query("activation == 'polynomial' and seed == 0 and confidence == @confidence")
    for shift, part in {"none": polynomial.unshifted, "all": polynomial.pooled}.items():
        found = metrics.augrc(polynomial.confidences[confidence][part], polynomial.wrong[part])
        assert found == pytest.approx(run[run["shift"] == shift]["augrc"].item(), abs=1e-5)


def test_bounds_are_not_kept_row_by_row(records: Records, polynomial: Rows) -> None:
    everything = set(records.scores.query("activation == 'polynomial'")["confidence"])
    assert everything - set(polynomial.confidences) == {"random", "oracle"}
