import pytest
import torch

from model_export.chainzrule import ActivationLayer, Standardised, Tangents
from model_export.chainzrule.tangents import BOUND
from model_export.conversion import convert
from model_export.conversion.fitting import fit_polynomial


def test_what_is_a_cubic_already_is_found_again() -> None:
    torch.manual_seed(0)
    standard = torch.randn(1000, 3, dtype=torch.float64).clamp(-BOUND, BOUND)
    targets = torch.stack([1 + 2 * standard[:, 0], standard[:, 1] ** 3, 0.5 - standard[:, 2] ** 2], 1)
    polynomial, errors = fit_polynomial(standard, targets)
    expected = torch.tensor([[1.0, 2, 0, 0], [0, 0, 0, 1], [0.5, 0, -1, 0]]).T
    torch.testing.assert_close(polynomial.coefficients.detach(), expected, atol=1e-5, rtol=0)
    assert errors.max() < 1e-10


def test_no_other_cubic_with_its_tangents_is_nearer() -> None:
    torch.manual_seed(0)
    standard = 1.5 * torch.randn(2000, 2, dtype=torch.float64)
    targets = torch.relu(standard)
    polynomial, errors = fit_polynomial(standard, targets)
    curve = Tangents(polynomial.double(), BOUND)

    def error() -> torch.Tensor:
        value: torch.Tensor = curve(standard)[0]
        return (value - targets).square().mean(0)

    with torch.no_grad():
        torch.testing.assert_close(error(), errors, rtol=1e-6, atol=0)
        for power in range(4):
            for step in (0.01, -0.01):
                polynomial.coefficients[power] += step
                assert (error() > errors).all()
                polynomial.coefficients[power] -= step


def test_each_neuron_is_fitted_where_its_own_inputs_lie() -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    first = module[0]
    assert isinstance(first, torch.nn.Linear)
    with torch.no_grad():
        first.weight.copy_(torch.eye(3))
        first.bias.copy_(torch.tensor([9.0, 0.0, -9.0]))
    conversion = convert(module, torch.randn(2000, 3))
    x = torch.randn(500, 3)
    value, derivative = conversion.network.layers[0](x)
    # Always on: a straight line of slope 1; never on: nothing; between: something curved.
    torch.testing.assert_close(value[:, 0], x[:, 0] + 9, atol=1e-3, rtol=0)
    torch.testing.assert_close(value[:, 2], torch.zeros(500), atol=1e-3, rtol=0)
    assert derivative[:, 1].std() > 0.2


def test_an_activation_behind_a_sum_is_fitted_where_the_sum_lies() -> None:
    class Summing(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.head = torch.nn.Linear(4, 4), torch.nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.head(torch.tanh(x + self.inner(x)))
            return logits

    torch.manual_seed(0)
    network = convert(Summing(), torch.randn(1000, 4)).network
    layer = network.layers[1]
    assert isinstance(layer, ActivationLayer)
    assert isinstance(layer.activation, Standardised)
    z = torch.linspace(-1, 1, 50)[:, None].expand(-1, 4)
    torch.testing.assert_close(layer(z)[0], torch.tanh(z), atol=0.12, rtol=0)
    assert pytest.approx(1, abs=0.3) == layer(torch.zeros(1, 4))[1].mean().item()
