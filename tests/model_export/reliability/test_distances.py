"""The distances against their definitions, with scikit-learn's covariances."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from model_export.reliability.distances import HalvesDistance, RelativeDistance

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@pytest.fixture
def rows() -> Floats:
    generator = np.random.default_rng(0)
    return generator.normal(size=(300, 7)) @ generator.normal(size=(7, 7)) + 1


@pytest.fixture
def labels(rows: Floats) -> Codes:
    """Three classes of unlike size, told apart by the first two directions."""
    codes: Codes = (rows[:, 0] > 1).astype(np.int64) + (rows[:, 1] > 2)
    return codes


def relative_by_definition(rows: Floats, labels: Codes, queries: Floats) -> Floats:
    present, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    means = np.stack([rows[labels == label].mean(0) for label in present])
    within = LedoitWolf(assume_centered=True).fit(rows - means[codes]).covariance_
    between = (means - rows.mean(0)).T @ np.diag(counts / len(rows)) @ (means - rows.mean(0))

    def squared(centre: Floats, covariance: Floats) -> Floats:
        apart = queries - centre
        distances: Floats = (apart * np.linalg.solve(covariance, apart.T).T).sum(1)
        return distances

    nearest: Floats = np.stack([squared(mean, within) for mean in means]).min(0)
    return nearest - squared(rows.mean(0), within + between)


def test_the_halves_add_up_to_the_mahalanobis_distance(rows: Floats) -> None:
    found = HalvesDistance.fit(rows)(torch.from_numpy(rows)).numpy()
    expected = LedoitWolf().fit(rows).mahalanobis(rows)
    np.testing.assert_allclose(found**2 @ [4, 3], expected)


def test_the_second_half_is_where_the_rows_vary_least() -> None:
    rows = np.random.default_rng(0).normal(size=(500, 4)) * [3.0, 0.1, 2.0, 0.2]
    distance = HalvesDistance.fit(rows)
    moved = torch.tensor([[9.0, 0, 0, 0], [0, 9, 0, 0], [0, 0, 9, 0], [0, 0, 0, 9]], dtype=torch.float64)
    assert (distance(moved).argmax(1) == torch.tensor([0, 1, 0, 1])).all()


def test_relative_is_what_is_left_of_the_nearest_class_distance(rows: Floats, labels: Codes) -> None:
    queries = np.random.default_rng(1).normal(size=(100, 7)) * 3
    distance = RelativeDistance.fit(rows, labels)
    assert distance.projection.directions.shape == (7, 2)
    found = distance(torch.from_numpy(queries)).numpy()[:, 0]
    np.testing.assert_allclose(found, relative_by_definition(rows, labels, queries))


def test_a_class_without_a_row_is_left_out_and_one_row_is_a_class(rows: Floats, labels: Codes) -> None:
    few = np.where(labels == 2, 5, labels)
    few[0] = 9
    found = RelativeDistance.fit(rows, few)(torch.from_numpy(rows)).numpy()[:, 0]
    np.testing.assert_allclose(found, relative_by_definition(rows, few, rows), atol=1e-9)


def test_more_classes_than_neurons_have_as_many_directions_as_neurons(rows: Floats) -> None:
    narrow, many = rows[:, :2], np.arange(300) % 10
    found = RelativeDistance.fit(narrow, many)(torch.from_numpy(narrow)).numpy()[:, 0]
    np.testing.assert_allclose(found, relative_by_definition(narrow, many, narrow), atol=1e-9)


@pytest.mark.parametrize("kind", ["one class", "constant", "alike"])
def test_without_classes_to_tell_apart_the_relative_distance_is_0(rows: Floats, labels: Codes, kind: str) -> None:
    seen, codes = {
        "one class": (rows, np.zeros_like(labels)),
        "constant": (np.ones_like(rows), labels),
        "alike": (np.concatenate([rows, rows]), np.repeat([0, 1], len(rows))),
    }[kind]
    found = RelativeDistance.fit(seen, codes)(torch.from_numpy(rows) * 100)
    assert found.shape == (300, 1)
    assert found.abs().max().item() == 0


def test_duplicated_rows_and_fewer_rows_than_neurons_have_distances(rows: Floats) -> None:
    few = np.concatenate([np.repeat(rows[:2], 3, axis=0), np.ones((6, 9))], axis=1)
    far = torch.from_numpy(few) * 100
    assert torch.isfinite(HalvesDistance.fit(few)(far)).all()
    assert torch.isfinite(RelativeDistance.fit(few, np.repeat([0, 1], 3))(far)).all()
