import numpy as np
import pytest

from model_export.graph.boundary import Boundary, shares_above
from service.manifest import Manifest
from service.version_folder import read_manifest
from tests.conftest import Exported


@pytest.fixture
def classes(exported: Exported) -> Manifest:
    return read_manifest(exported.folder)


@pytest.fixture
def levels(ordinal: Exported) -> Manifest:
    return read_manifest(ordinal.folder)


def test_the_margin_of_classes_is_that_of_the_logits(classes: Manifest) -> None:
    logits = np.random.default_rng(0).normal(size=(50, 3))
    odds = np.exp(logits / classes.reference.temperature)
    probabilities = odds / odds.sum(1, keepdims=True)
    boundary = Boundary.nearest(classes, probabilities)
    largest = np.sort(logits, axis=1)
    np.testing.assert_allclose(boundary.margin(probabilities), largest[:, -1] - largest[:, -2])
    assert boundary.clear(probabilities).all()


def test_the_margin_of_levels_is_the_distance_to_the_nearest_threshold(levels: Manifest) -> None:
    thresholds = np.array([-1.0, 1.5])
    behind = np.linspace(-8, 8, 41)[:, None] - thresholds
    above = 1 / (1 + np.exp(-behind / levels.reference.temperature))
    probabilities = np.concatenate([1 - above[:, :1], above[:, :1] - above[:, 1:], above[:, 1:]], axis=1)
    np.testing.assert_allclose(shares_above(probabilities), above)
    boundary = Boundary.nearest(levels, probabilities)
    nearest = behind[np.arange(41), np.abs(behind).argmin(1)]
    clear = boundary.clear(probabilities)
    assert 10 < clear.sum() < 41
    np.testing.assert_allclose(boundary.margin(probabilities)[clear], nearest[clear], atol=1e-9)


def test_a_boundary_stays_where_it_is_when_probabilities_move(classes: Manifest) -> None:
    probabilities = np.array([[0.5, 0.4, 0.1], [0.2, 0.1, 0.7]])
    boundary = Boundary.nearest(classes, probabilities).of(np.array([0]))
    moved = np.array([[0.4, 0.5, 0.1]])
    assert boundary.margin(moved) == pytest.approx(classes.reference.temperature * np.log(0.4 / 0.5))
