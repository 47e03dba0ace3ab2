import numpy as np
import pytest

from service.inference.model import Model
from service.manifest import read_manifest
from tests.conftest import FEATURES, Exported, make_table


def test_the_manifest_describes_what_was_trained(exported: Exported) -> None:
    manifest = read_manifest(exported.folder)
    assert (manifest.name, manifest.version, manifest.classes) == ("plant", 1, ("high", "low", "medium"))
    assert manifest.network.widths == (4, 16, 12, 3)
    assert (manifest.training.rows + manifest.training.validation_rows, manifest.reference.rows) == (540, 180)
    temperature, pressure, *_ = manifest.input.features
    assert manifest.input.names == FEATURES
    assert (temperature.unit, temperature.may_be_missing, pressure.may_be_missing) == ("°C", True, False)
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
    assert scores["reliability"].mean() == pytest.approx(accuracy, abs=0.06)
    assert (scores["typicality"] < 0.05).mean() == pytest.approx(0.05, abs=0.04)
