"""A whole study on a small made-up set."""

import pandas as pd
import pytest

from model_export.studies import reliability, runs
from model_export.studies.report import foresight, markdown, summarise
from model_export.studies.shifts import table_shifts
from model_export.studies.study_sets import STUDIES, Part, Study, StudySet
from model_export.training import ChainzRuleClassifier
from tests.conftest import codes_of, make_table


def load(seed: int) -> StudySet:
    def part(rows: int, number: int) -> Part:
        table, labels = make_table(rows, seed=100 * seed + number)
        return Part(table.to_numpy(copy=True), codes_of(labels))

    training, calibration, test = part(300, 0), part(200, 1), part(150, 2)
    return StudySet(training, calibration, test, tuple(table_shifts(*test, training.rows, seed)))


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reliability, "OTHER_MEMBERS", 1)
        patch.setitem(STUDIES, "plant", Study(ChainzRuleClassifier((12,), max_epochs=15), load))
        found = runs.run_all(["plant"], 1, folder)
        # A second call reads what the first has written.
        patch.setattr(runs, "run", None)
        again = runs.run_all(["plant"], 1, folder)
    for kind in runs.KINDS:
        pd.testing.assert_frame_equal(found[kind], again[kind])
    return found


def test_every_confidence_is_judged_on_every_shift(records: dict[str, pd.DataFrame]) -> None:
    scores = records["score"]
    assert set(scores["activation"]) == set(reliability.ACTIVATIONS)
    polynomial = scores[scores["activation"] == "polynomial"]
    assert polynomial.groupby("confidence").size().nunique() == 1
    assert len(polynomial.groupby(["shift", "severity"])) == 14
    assert {"reliability", "typicality", "msp", "ensemble", "knn_inputs, two-sided"} <= set(scores["confidence"])


def test_the_bounds_hold(records: dict[str, pd.DataFrame]) -> None:
    summary = summarise(records["score"]).xs(("plant", "polynomial"))
    auroc, augrc = summary["errors_auroc"].to_dict(), summary["errors_augrc"].to_dict()
    assert auroc["oracle"] == 1
    assert min(augrc.values()) == augrc["oracle"]
    assert auroc["random"] == pytest.approx(0.5, abs=0.15)
    assert summary["detection"].to_dict()["typicality"] > 0.7


def test_the_report_holds_every_table(records: dict[str, pd.DataFrame]) -> None:
    text = markdown(records["score"], records["window"])
    for words in ("## plant, polynomial", "## plant, relu", "| typicality |", "shrink", "Foretelling"):
        assert words in text
    assert "nan" not in text
    assert foresight(records["window"]).shape == (3, 4)
