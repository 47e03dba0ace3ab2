import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model_export.reliability import TailScale


def test_is_the_tail_probability_of_an_exponential_tail() -> None:
    scale = TailScale.fit(np.random.default_rng(0).exponential(2, size=100_000))
    for beyond in (6.0, 12.0, 24.0):
        distance = torch.tensor([beyond], dtype=torch.float64)
        assert scale(distance).item() == pytest.approx(-beyond / 2, rel=0.05)


def test_the_usual_is_flat_and_the_tail_falls_without_end() -> None:
    scale = TailScale.fit(np.random.default_rng(0).gamma(4, size=200))
    usual = scale(torch.tensor([-10.0, 0.0, 3.0, 4.0], dtype=torch.float64))
    assert usual.tolist() == pytest.approx([np.log(0.1)] * 4)
    tail = scale(torch.tensor([20.0, 40.0, 1e6], dtype=torch.float64))
    assert tail.diff().max() < 0
    assert torch.isfinite(tail).all()


@pytest.mark.parametrize("distances", [np.ones(30), np.zeros(30), np.array([1.0])])
def test_calibration_rows_that_are_all_alike_still_give_a_scale(distances: NDArray[np.float64]) -> None:
    found = TailScale.fit(distances)(torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64))
    assert torch.isfinite(found).all()
    assert found.max() <= np.log(0.1) + 1e-9
