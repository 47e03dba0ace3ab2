"""How unsteady a training was."""

import pytest
import torch

from model_export.reproduction.volatility import peak_volatility


def test_a_steady_gradient_has_none() -> None:
    assert peak_volatility(torch.full((200,), 3.0)) == pytest.approx(0, abs=1e-6)


def test_it_is_the_largest_over_all_windows_and_does_not_depend_on_the_scale() -> None:
    norms = torch.ones(300)
    norms[120] = 51.0
    window = torch.ones(50)
    window[0] = 51.0
    expected = float(window.std() / window.mean())
    assert peak_volatility(norms) == pytest.approx(expected)
    assert peak_volatility(100 * norms) == pytest.approx(expected)
    assert peak_volatility(norms.roll(60)) == pytest.approx(expected)


def test_a_slow_decline_is_hardly_any() -> None:
    assert peak_volatility(torch.linspace(10, 5, 2000)) < 0.02 < peak_volatility(torch.linspace(10, 5, 50))


def test_a_gradient_that_vanishes_does_not_vary() -> None:
    assert peak_volatility(torch.zeros(60)) == 0


def test_too_few_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="49"):
        peak_volatility(torch.ones(49))
