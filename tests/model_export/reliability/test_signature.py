import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from model_export.errors import DataError
from model_export.reliability import Signature


@pytest.fixture
def derivatives() -> NDArray[np.float64]:
    generator = np.random.default_rng(0)
    return generator.normal(size=(300, 6)) @ generator.normal(size=(6, 6)) + 1


def test_is_the_mahalanobis_distance_per_neuron(derivatives: NDArray[np.float64]) -> None:
    expected = np.sqrt(LedoitWolf().fit(derivatives).mahalanobis(derivatives) / 6)
    found = Signature.fit(derivatives)(torch.from_numpy(derivatives)).numpy()
    np.testing.assert_allclose(found, expected)
    assert found.mean() == pytest.approx(1, abs=0.15)


def test_mixed_gives_the_same_distance_from_other_derivatives(derivatives: NDArray[np.float64]) -> None:
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(6, 9, dtype=torch.float64, generator=generator)
    other = torch.randn(50, 9, dtype=torch.float64, generator=generator)
    signature = Signature.fit(derivatives)
    usual = torch.randn(9, dtype=torch.float64, generator=generator)
    torch.testing.assert_close(signature.mixed(mixing, usual)(other), signature(other @ mixing.T))


def test_has_an_inverse_with_constant_neurons_and_fewer_rows_than_neurons(derivatives: NDArray[np.float64]) -> None:
    few = np.concatenate([derivatives[:4], np.ones((4, 3))], axis=1)
    assert torch.isfinite(Signature.fit(few)(torch.from_numpy(few) * 100)).all()


def test_a_linear_network_has_no_signature() -> None:
    with pytest.raises(DataError, match="the same in every training row"):
        Signature.fit(np.ones((50, 4)))
