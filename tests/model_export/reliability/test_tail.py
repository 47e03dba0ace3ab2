import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model_export.reliability import TailScale


def test_is_the_tail_probability_of_exponential_tails() -> None:
    calibration = np.random.default_rng(0).laplace(10, 1, size=100_000)
    scale = TailScale.fit(calibration)
    for beyond in (3.0, 6.0, 12.0):
        distances = torch.tensor([10 - beyond, 10 + beyond], dtype=torch.float64)
        # Two-sided: either tail of a Laplace distribution beyond x has probability e^-x / 2.
        assert scale(distances).tolist() == pytest.approx([-beyond] * 2, rel=0.05)


def test_the_middle_is_flat_and_the_tails_fall_without_end() -> None:
    scale = TailScale.fit(np.random.default_rng(0).gamma(4, size=200))
    middle = scale(torch.tensor([3.0, 4.0], dtype=torch.float64))
    assert middle.tolist() == pytest.approx([np.log(0.2)] * 2)
    tail = scale(torch.tensor([20.0, 40.0, 1e6], dtype=torch.float64))
    assert tail.diff().max() < 0
    assert torch.isfinite(tail).all()


@pytest.mark.parametrize("distances", [np.ones(30), np.zeros(30), np.array([1.0])])
def test_calibration_rows_that_are_all_alike_still_give_a_scale(distances: NDArray[np.float64]) -> None:
    found = TailScale.fit(distances)(torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64))
    assert torch.isfinite(found).all()
    assert found.max() <= np.log(0.2) + 1e-9
