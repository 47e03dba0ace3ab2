import pytest
import torch

from model_export.chainzrule import ACTIVATIONS, Polynomial, make_activation


@pytest.fixture(params=ACTIVATIONS)
def activation(request: pytest.FixtureRequest) -> torch.nn.Module:
    torch.manual_seed(0)
    module = make_activation(request.param, 5).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    return module


def test_derivative_is_autograds(activation: torch.nn.Module) -> None:
    z = torch.randn(64, 5, dtype=torch.float64, requires_grad=True)
    value, derivative = activation(z)
    (expected,) = torch.autograd.grad(value.sum(), z)
    torch.testing.assert_close(derivative, expected, rtol=1e-12, atol=1e-12)


def test_derivative_is_the_finite_difference(activation: torch.nn.Module) -> None:
    # Away from 0, where ReLU has a corner.
    z = torch.randn(64, 5, dtype=torch.float64)
    z = torch.where(z.abs() < 1e-3, 1.0, z)
    step = 1e-6
    difference = (activation(z + step)[0] - activation(z - step)[0]) / (2 * step)
    torch.testing.assert_close(activation(z)[1], difference, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
def test_polynomial_is_its_formula(degree: int) -> None:
    polynomial = Polynomial(3, degree).double()
    torch.nn.init.normal_(polynomial.coefficients)
    z = torch.randn(10, 3, dtype=torch.float64)
    c = polynomial.coefficients
    value, derivative = polynomial(z)
    torch.testing.assert_close(value, torch.stack([c[k] * z**k for k in range(degree + 1)]).sum(0))
    torch.testing.assert_close(derivative, torch.stack([k * c[k] * z ** (k - 1) for k in range(1, degree + 1)]).sum(0))
    assert polynomial.degree == degree


def test_polynomial_starts_curved_and_tame() -> None:
    coefficients = Polynomial(2, degree=5, curvature=0.4).coefficients
    torch.testing.assert_close(coefficients[:, 0], torch.tensor([0.0, 1.0, 0.4, 0.04, 0.0, 0.0]))
    torch.testing.assert_close(coefficients[:, 0], coefficients[:, 1])


def test_a_constant_activation_is_refused() -> None:
    with pytest.raises(ValueError, match="degree must be at least 1, got 0"):
        Polynomial(3, degree=0)


def test_an_unknown_activation_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'swish'; there are polynomial, relu, gelu, silu, tanh"):
        make_activation("swish", 3)
