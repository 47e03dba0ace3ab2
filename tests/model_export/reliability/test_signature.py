import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import ks_2samp, kstest
from torch import Tensor

from model_export.errors import DataError
from model_export.reliability import ConformalScale, Signature

Codes = NDArray[np.int64]


def draw(rows: int, seed: int) -> tuple[list[Tensor], Codes]:
    """d_1 [N, 6] around 1 and d_2 [N, 5] around the means of three classes, and the classes."""
    generator = np.random.default_rng(seed)
    codes = generator.integers(3, size=rows)
    first = 1 + generator.normal(size=(rows, 6)) * np.geomspace(1, 0.01, 6)
    last = 6 * np.eye(3, 5)[codes] + generator.normal(size=(rows, 5))
    return [torch.from_numpy(first), torch.from_numpy(last)], codes


@pytest.fixture
def signature() -> Signature:
    return Signature.fit(*draw(2000, seed=0))


def test_is_the_largest_departure_in_units_of_the_training_quantiles(signature: Signature) -> None:
    derivatives, _ = draw(2000, seed=0)
    distances = torch.cat([signature.first(derivatives[0]), signature.last(derivatives[1])], 1).numpy()
    low, middle, high = np.quantile(distances, [0.1, 0.5, 0.9], axis=0)
    departures = np.where(
        distances > middle, (distances - middle) / (high - middle), (middle - distances) / (middle - low)
    )
    departures[:, 2] = (distances[:, 2] - middle[2]) / (high[2] - middle[2])
    expected = departures.max(1)
    np.testing.assert_allclose(signature(derivatives).numpy(), expected)
    assert (expected > 1).mean() <= 0.5


@pytest.mark.parametrize(
    ("layer", "change"),
    [
        (0, lambda d: d + torch.tensor([4.0, 0, 0, 0, 0, 0])),
        (0, lambda d: d + torch.tensor([0, 0, 0, 0, 0, 0.1])),
        (0, lambda d: 1 + 0.1 * (d - 1)),
        (1, lambda d: d * 0 + 3),
    ],
    ids=["far where rows vary", "far where they do not", "too near the centre", "between the classes"],
)
def test_notices_what_is_unlike_the_training_rows(signature: Signature, layer: int, change: object) -> None:
    derivatives, _ = draw(500, seed=1)
    usual = np.quantile(signature(derivatives), 0.9)
    assert callable(change)
    derivatives[layer] = change(derivatives[layer])
    assert np.median(signature(derivatives)) > usual


def test_its_rank_among_held_out_rows_is_uniform_on_fresh_rows(signature: Signature) -> None:
    held_out, fresh = signature(draw(5000, seed=2)[0]).numpy(), signature(draw(2000, seed=3)[0]).numpy()
    assert ks_2samp(held_out, fresh).pvalue > 0.01
    typicality = ConformalScale.fit(held_out, two_sided=False)(torch.from_numpy(fresh)).numpy()
    assert kstest(typicality, "uniform").pvalue > 0.01


def test_rows_far_away_have_the_smallest_typicality(signature: Signature) -> None:
    derivatives, _ = draw(200, seed=4)
    scale = ConformalScale.fit(signature(derivatives).numpy(), two_sided=False)
    for factor in (-1e30, 1e3, 1e30):
        typicality = scale(signature([d * factor for d in derivatives]))
        assert typicality.numpy() == pytest.approx(1 / 201)


def test_one_hidden_layer_is_the_first_and_the_last() -> None:
    (first, _), codes = draw(300, seed=5)
    assert torch.isfinite(Signature.fit([first], codes)([first])).all()


def test_what_does_not_vary_is_not_magnified() -> None:
    (first, _), codes = draw(300, seed=6)
    half = torch.cat([first, torch.ones_like(first)], 1)
    signature = Signature.fit([half, torch.ones_like(first)], codes)
    rounding = torch.randn(half.shape, generator=torch.Generator().manual_seed(0)) * 1e-7
    torch.testing.assert_close(
        signature([half + rounding, half[:, :6]]), signature([half, half[:, :6]]), rtol=0, atol=0.05
    )


def test_a_linear_network_has_no_signature() -> None:
    with pytest.raises(DataError, match="the same in every training row"):
        Signature.fit([torch.ones(50, 4), torch.ones(50, 3)], np.zeros(50, dtype=np.int64))
