from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from model_export.errors import DataError, ExportError, VerificationError
from model_export.graph import onnx_writer
from model_export.graph.compact import CompactScorer, compact
from model_export.graph.scorer import Scorer
from service.inference.model import Model
from service.inputs import Feature
from service.version_folder import read_manifest
from tests.conftest import FEATURES, PLANT, Exported, make_table


def test_the_manifest_describes_what_was_trained(exported: Exported) -> None:
    manifest = read_manifest(exported.folder)
    assert (manifest.name, manifest.version, manifest.classes) == ("plant", 1, ("high", "low", "medium"))
    assert manifest.network.layers == ("dense 4 → 16", "dense 16 → 12", "linear 12 → 3")
    assert (manifest.training.rows + manifest.training.validation_rows, manifest.reference.rows) == (540, 180)
    temperature, pressure, *_ = (feature for feature in manifest.table.features if isinstance(feature, Feature))
    assert manifest.table.names == FEATURES
    assert (temperature.unit, temperature.may_be_missing, pressure.may_be_missing) == ("°C", True, False)
    assert temperature.missing_ratio == pytest.approx(0.1, abs=0.04)
    assert pressure.missing_ratio == 0
    assert temperature.mean == pytest.approx(20, abs=1.5)
    assert temperature.standard_deviation == pytest.approx(10, abs=1)
    assert temperature.minimum < temperature.example < temperature.maximum


def test_its_held_out_figures_are_those_of_the_graph(exported: Exported) -> None:
    manifest = read_manifest(exported.folder)
    assert manifest.evaluation.rows == 180
    assert manifest.evaluation.accuracy > manifest.evaluation.majority_accuracy + 0.2
    assert manifest.evaluation.error_auroc is not None
    assert manifest.evaluation.error_auroc > 0.6
    # On fresh rows of the same kind the figures hold up.
    table, labels = make_table(3000, seed=11)
    scores = Model.load(exported.folder, threads=1).score(table.to_numpy(np.float32))
    accuracy = (np.array(manifest.classes)[scores["label"]] == labels).mean()
    assert accuracy == pytest.approx(manifest.evaluation.accuracy, abs=0.1)
    # It is fitted to 90 rows, whose own accuracy has a standard error of 0.043.
    assert scores["reliability"].mean() == pytest.approx(accuracy, abs=0.1)
    assert (scores["typicality"] < 0.05).mean() == pytest.approx(0.05, abs=0.04)


def test_the_risks_of_its_levels_are_the_tasks_own(exported: Exported, tmp_path: Path) -> None:
    thresholds = read_manifest(exported.folder).reference.thresholds
    assert (thresholds.review.risk, thresholds.reject.risk, thresholds.review.rows) == (0.1, 0.3, 90)
    quick = clone(PLANT.estimator).set_params(max_epochs=5)
    folder = replace(PLANT, estimator=quick, review_risk=0.2, reject_risk=0.4).export(tmp_path)
    thresholds = read_manifest(folder).reference.thresholds
    assert (thresholds.review.risk, thresholds.reject.risk) == (0.2, 0.4)


def test_a_graph_that_fails_its_verification_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(scorer: Scorer) -> CompactScorer:
        wrong = deepcopy(scorer)
        wrong.temperature *= 1.01
        return compact(wrong)

    monkeypatch.setattr(onnx_writer, "compact", faulty)
    with pytest.raises(VerificationError, match="probabilities differs between torch and onnxruntime"):
        PLANT.export(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_version_that_is_taken_is_refused_before_training(exported: Exported) -> None:
    def load() -> pd.DataFrame:
        raise AssertionError("the data was read")

    with pytest.raises(ExportError, match="export version 2"):
        replace(PLANT, load=load).export(exported.repository, version=1)


def test_a_target_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column is called 'quality'; the columns are temperature, pressure"):
        replace(PLANT, target="quality").export(tmp_path)
    assert not list(tmp_path.iterdir())
