from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from model_export.card import card
from model_export.errors import DataError, ExportError
from model_export.estimator_export import Rows, export_estimator
from model_export.graph.folder_check import check_folder
from model_export.graph.publication import ModelCard
from model_export.training import ChainzRuleClassifier, ChainzRuleOrdinalClassifier, ChainzRuleRegressor
from service.inputs import Feature
from service.version_folder import read_manifest
from tests.conftest import Exported, make_measured, make_table

CARD = ModelCard("plant", "A made-up plant", "generated")
SETTINGS: dict[str, Any] = {"max_epochs": 8, "learning_rate": 0.02, "random_state": 0}


def grades(rows: int, seed: int) -> Rows:
    return Rows(*make_table(rows, seed))


@pytest.fixture(scope="module")
def parts() -> dict[str, Any]:
    return {"training": grades(300, 1), "calibration": grades(100, 2), "test": grades(100, 3)}


@pytest.fixture(scope="module")
def classifier(parts: dict[str, Any]) -> ChainzRuleClassifier:
    return ChainzRuleClassifier((8,), **SETTINGS).fit(*parts["training"])


def test_a_classifier_becomes_a_version_that_passes_every_check(
    classifier: ChainzRuleClassifier, parts: dict[str, Any], tmp_path: Path
) -> None:
    folder = export_estimator(
        classifier, tmp_path, CARD, **parts, class_names={"low": "poor"}, units={"pressure": "bar"}
    )
    manifest = read_manifest(folder)
    assert folder == tmp_path / "plant" / "1"
    assert manifest.classes == ("high", "poor", "medium")
    pressure = manifest.table.features[manifest.table.names.index("pressure")]
    assert isinstance(pressure, Feature)
    assert pressure.unit == "bar"
    assert manifest.training.rows + manifest.training.validation_rows == 300
    assert manifest.regression is None
    assert '"regression"' not in (folder / "manifest.json").read_text()
    list(check_folder(folder))
    assert export_estimator(classifier, tmp_path, CARD, **parts).name == "2"
    with pytest.raises(ExportError, match="is there already"):
        export_estimator(classifier, tmp_path, CARD, **parts, version=1)


def test_levels_and_plain_arrays_are_exported_too(parts: dict[str, Any], tmp_path: Path) -> None:
    order = {"low": 1, "medium": 2, "high": 3}
    plain: dict[str, Any] = {
        name: Rows(part.X.to_numpy(), np.array([order[label] for label in part.y])) for name, part in parts.items()
    }
    fitted = ChainzRuleOrdinalClassifier((8,), **{**SETTINGS, "max_epochs": 40}).fit(*plain["training"])
    manifest = read_manifest(export_estimator(fitted, tmp_path, CARD, **plain, feature_names=["a", "b", "c", "d"]))
    assert (manifest.task, manifest.classes) == ("ordinal", ("1", "2", "3"))
    assert manifest.table.names == ("a", "b", "c", "d")


def test_what_cannot_be_exported_is_refused_and_nothing_is_written(
    classifier: ChainzRuleClassifier, parts: dict[str, Any], tmp_path: Path
) -> None:
    def refused(complaint: str, estimator: ChainzRuleClassifier = classifier, **changed: Any) -> None:
        with pytest.raises(DataError, match=complaint):
            export_estimator(estimator, tmp_path, CARD, **{**parts, **changed})

    with pytest.raises(NotFittedError):
        export_estimator(ChainzRuleClassifier(), tmp_path, CARD, **parts)
    training: Any = parts["training"]
    refused("19 calibration rows are too few", calibration=grades(19, 2))
    refused(
        r"100 % of the calibration rows stand among the training rows",
        calibration=Rows(training.X[:60], training.y[:60]),
    )
    refused(r"100 % of the test rows stand among the training or calibration rows", test=parts["calibration"])
    refused("was fitted on 300 rows and these training rows are 299", training=Rows(training.X[1:], training.y[1:]))
    narrow = Rows(parts["test"].X[["age"]], parts["test"].y)
    refused("the test rows have 1 features, and the estimator was fitted on 4", test=narrow)
    refused("labels that training did not have: huge", test=Rows(parts["test"].X, ["huge"] * 100))
    refused("units name no feature: colour", units={"colour": None})
    refused("3 feature names are given for 4 features", feature_names=["a", "b", "c"])
    assert not list(tmp_path.rglob("manifest.json"))


def test_a_regressor_says_what_it_predicts(regression: Exported) -> None:
    manifest = read_manifest(regression.folder)
    predicted = manifest.predicted
    assert (predicted.target, predicted.unit, predicted.coverage) == ("yield", "kg/h", 0.9)
    targets = make_measured(600, 5)[1]
    assert predicted.tolerance == pytest.approx(targets.std(ddof=0) / 2)
    assert predicted.least_difficulty < predicted.greatest_difficulty
    shown = card(manifest).renderables
    assert shown


def test_a_regressor_with_too_few_rows_for_its_coverage_or_one_target_is_refused(tmp_path: Path) -> None:
    training, calibration, test = (Rows(*make_measured(rows, seed)) for rows, seed in ((100, 1), (20, 2), (20, 3)))
    constant = Rows(training.X, pd.Series(np.full(100, 3.0)))
    fitted = ChainzRuleRegressor((4,), **SETTINGS).fit(*constant)
    with pytest.raises(DataError, match="every training row has the same target"):
        export_estimator(fitted, tmp_path, CARD, training=constant, calibration=calibration, test=test)
