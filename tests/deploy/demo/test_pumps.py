from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kstest

from deploy.demo.day import DRIFT, MISTAKE, distort
from deploy.demo.pumps import CLASSES, MISSING_PRESSURE, PRESSURE, UNITS, draw
from deploy.demo.train import load_pumps
from service.inference.model import Model

BUNDLED = Path(__file__).parents[3] / "deploy" / "models" / "pump" / "1"


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load(BUNDLED, threads=1)


def test_draws_are_repeatable_and_both_outcomes_are_common() -> None:
    first, second = draw(np.random.default_rng(3), 500), draw(np.random.default_rng(3), 500)
    np.testing.assert_array_equal(first.rows, second.rows)
    np.testing.assert_array_equal(first.labels, second.labels)
    assert 0.25 < first.labels.mean() < 0.75


def test_only_pressure_is_missing_and_as_often_as_said() -> None:
    rows = draw(np.random.default_rng(3), 20_000).rows
    shares = np.isnan(rows).mean(axis=0)
    assert shares[PRESSURE] == pytest.approx(MISSING_PRESSURE, abs=0.01)
    assert shares.sum() == shares[PRESSURE]


def test_the_model_was_made_from_these_pumps(model: Model) -> None:
    assert model.manifest.table.names == tuple(UNITS)
    assert set(model.manifest.classes) == set(CLASSES)
    table = load_pumps()
    vibration = next(feature for feature in model.manifest.table.features if feature.name == "vibration")
    lowest, highest = vibration.bounds
    assert table["vibration"].min() <= lowest < highest <= table["vibration"].max()


def test_fresh_pumps_are_typical_and_distorted_ones_are_not(model: Model) -> None:
    """What the demo shows: the typicality of 2,000 rows by the two-sample critical value of the drift alert."""
    generator = np.random.default_rng(4)
    pumps = draw(generator, 2000)
    critical = 1.95 * np.sqrt(1 / 2000 + 1 / model.manifest.reference.rows)

    def distance(hour: float) -> float:
        rows = distort(pumps.rows, hour, generator).astype(np.float32)
        return float(kstest(model.score(rows)["typicality"], "uniform").statistic)

    assert distance(0.0) < critical
    assert distance(MISTAKE.begins) > 0.9
    assert critical < distance(DRIFT.begins + 2) < distance(DRIFT.begins + 5)


def test_most_fresh_pumps_are_predicted_right(model: Model) -> None:
    pumps = draw(np.random.default_rng(5), 2000)
    right = model.score(pumps.rows.astype(np.float32))["label"] == pumps.labels
    assert right.mean() > 0.82
