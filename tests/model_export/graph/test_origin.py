from copy import deepcopy

import pytest
import torch

from model_export.chainzrule import ChainzRuleNetwork, reverse_jacobian
from model_export.graph.origin import OriginPolynomial, through_origin


def make_network(activation: str, degree: int) -> ChainzRuleNetwork:
    torch.manual_seed(degree)
    network = ChainzRuleNetwork((3, 6, 5, 2), activation, degree).double().requires_grad_(False)
    for parameter in network.parameters():
        parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return network


@pytest.mark.parametrize(
    ("activation", "degree"), [*(("polynomial", k) for k in (1, 2, 3, 4)), ("gelu", 3), ("relu", 3), ("tanh", 3)]
)
def test_is_the_same_network_in_value_and_derivative(activation: str, degree: int) -> None:
    network = make_network(activation, degree)
    before_state = deepcopy(network.state_dict())
    moved = through_origin(network)
    x = torch.randn(100, 3, dtype=torch.float64)
    before, after = network.trace(x), moved.trace(x)
    torch.testing.assert_close(after.logits, before.logits)
    for found, expected in zip(moved.derivatives(after.records), network.derivatives(before.records), strict=True):
        torch.testing.assert_close(found, expected)
    torch.testing.assert_close(reverse_jacobian(moved, after), reverse_jacobian(network, before))
    for name, value in network.state_dict().items():
        assert torch.equal(value, before_state[name]), name


@pytest.mark.parametrize(("activation", "degree"), [("polynomial", 2), ("polynomial", 3), ("polynomial", 5)])
def test_polynomials_are_nothing_at_the_origin(activation: str, degree: int) -> None:
    moved = through_origin(make_network(activation, degree))
    origin = torch.zeros(1, 6, dtype=torch.float64)
    first = moved.hidden[0].activation
    assert isinstance(first, OriginPolynomial)
    assert not first(origin)[0].any()


@pytest.mark.parametrize(("activation", "degree"), [("gelu", 3), ("polynomial", 1)])
def test_other_activations_and_straight_lines_are_left_as_they_are(activation: str, degree: int) -> None:
    network = make_network(activation, degree)
    for name, value in through_origin(network).state_dict().items():
        assert torch.equal(value, network.state_dict()[name]), name


def test_a_linear_network_is_left_as_it_is() -> None:
    network = ChainzRuleNetwork((3, 2)).double()
    moved = through_origin(network)
    assert isinstance(moved.head, torch.nn.Linear)
    assert isinstance(network.head, torch.nn.Linear)
    assert torch.equal(moved.head.bias, network.head.bias)
