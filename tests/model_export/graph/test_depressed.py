import pytest
import torch

from model_export.chainzrule import ChainzRuleNetwork, Polynomial, reverse_jacobian
from model_export.graph.depressed import depress


def network_with(coefficients: torch.Tensor) -> ChainzRuleNetwork:
    """Two hidden layers whose neurons have these cubics, [4, n]."""
    width = coefficients.shape[1]
    torch.manual_seed(0)
    network = ChainzRuleNetwork((3, width, width, 2)).double().requires_grad_(False)
    for layer in network.hidden:
        activation = layer.activation
        assert isinstance(activation, Polynomial)
        activation.coefficients.copy_(coefficients)
    return network


CUBICS = {
    "as training starts": [0.0, 1.0, 0.5, 0.05],
    "with a constant": [0.7, 1.0, 0.5, 0.05],
    "strongly cubic": [0.0, 1.0, 0.1, -2.0],
    "quadratic": [0.0, 1.0, 0.5, 0.0],
    "nearly quadratic": [0.0, 1.0, 0.5, 1e-7],
    "linear": [0.0, 1.0, 0.0, 0.0],
    "nearly linear": [0.0, 1.0, 1e-9, 1e-12],
    "constant": [0.3, 0.0, 0.0, 0.0],
    "nothing": [0.0, 0.0, 0.0, 0.0],
    "pure cubic": [0.0, 0.0, 0.0, 0.1],
    "pure square": [0.0, 0.0, -0.2, 0.0],
}


@pytest.mark.parametrize("names", [[name] for name in CUBICS] + [list(CUBICS)], ids="+".join)
def test_is_the_same_network_in_value_and_derivative(names: list[str]) -> None:
    network = network_with(torch.tensor([CUBICS[name] for name in names], dtype=torch.float64).T)
    depressed = depress(network, most_doubled=1.0)
    assert depressed is not None
    x = torch.randn(100, 3, dtype=torch.float64)
    before, after = network.trace(x), depressed.network.trace(x)
    torch.testing.assert_close(after.logits, before.logits, rtol=1e-9, atol=1e-9)
    for mixing, made, wanted in zip(depressed.mixings, after.derivatives, before.derivatives, strict=True):
        torch.testing.assert_close(made @ mixing.T, wanted, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(
        reverse_jacobian(depressed.network.weights, after.derivatives),
        reverse_jacobian(network.weights, before.derivatives),
        rtol=1e-9,
        atol=1e-9,
    )


def test_only_neurons_near_no_cubic_are_doubled() -> None:
    depressed = depress(network_with(torch.tensor([CUBICS["strongly cubic"], CUBICS["quadratic"]]).double().T), 0.5)
    assert depressed is not None
    assert depressed.mixings[0].shape == (2, 3)


def test_a_layer_that_would_grow_too_wide_is_left_as_it_is() -> None:
    half = network_with(torch.tensor([CUBICS["strongly cubic"], CUBICS["quadratic"]]).double().T)
    assert depress(half, most_doubled=0.4) is None
    assert depress(network_with(torch.tensor([CUBICS["strongly cubic"]]).double().T), most_doubled=0.0) is not None


@pytest.mark.parametrize(("activation", "degree"), [("gelu", 3), ("relu", 3), ("polynomial", 2), ("polynomial", 4)])
def test_other_activations_are_left_as_they_are(activation: str, degree: int) -> None:
    assert depress(ChainzRuleNetwork((3, 4, 2), activation, degree).double()) is None


def test_a_linear_network_is_left_as_it_is() -> None:
    assert depress(ChainzRuleNetwork((3, 2)).double()) is None
