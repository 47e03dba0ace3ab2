import numpy as np
import pytest
import torch

from model_export.text.pooling import POOLINGS, PoolingName, masked_mean

GENERATOR = np.random.default_rng(0)
LAYERS = [GENERATOR.normal(size=(3, 5, 4)) for _ in range(6)]
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]])
LENGTHS = MASK.sum(1)


def pooled(name: PoolingName) -> np.ndarray:
    hidden = [torch.from_numpy(layer) for layer in LAYERS]
    return np.asarray(POOLINGS[name].pool(hidden, torch.from_numpy(MASK)))


def mean_by_hand(layer: np.ndarray) -> np.ndarray:
    return np.stack([vectors[:length].mean(0) for vectors, length in zip(layer, LENGTHS, strict=True)])


def unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.sqrt((vectors**2).sum(1, keepdims=True)))


def test_mean_takes_a_texts_own_tokens_alone_and_has_unit_length() -> None:
    np.testing.assert_allclose(pooled("mean"), unit(mean_by_hand(LAYERS[-1])), rtol=1e-12)


def test_cls_takes_the_first_token_and_has_unit_length() -> None:
    np.testing.assert_allclose(pooled("cls"), unit(LAYERS[-1][:, 0]), rtol=1e-12)


def test_last4_puts_four_means_side_by_side_as_long_as_they_are() -> None:
    np.testing.assert_allclose(pooled("last4"), np.hstack([mean_by_hand(layer) for layer in LAYERS[-4:]]), rtol=1e-12)


@pytest.mark.parametrize("name", POOLINGS)
def test_padding_changes_nothing(name: PoolingName) -> None:
    hidden, mask = [torch.from_numpy(layer[1:2, :2]) for layer in LAYERS], torch.from_numpy(MASK[1:2, :2])
    np.testing.assert_allclose(POOLINGS[name].pool(hidden, mask), pooled(name)[1:2], rtol=1e-12)


def test_a_mean_of_one_token_is_that_token() -> None:
    found = masked_mean(torch.from_numpy(LAYERS[0]), torch.from_numpy(MASK))
    np.testing.assert_allclose(found[2], LAYERS[0][2, 0])
