"""The penalty's written-out gradient: by autograd through the definition, and by finite differences."""

import pytest
import torch
from torch import Tensor

from model_export.chainzrule import ChainzRuleNetwork, Network, dreg_penalty
from tests.model_export.chainzrule.conftest import Made


def by_definition(network: Network, x: Tensor) -> Tensor:
    return torch.stack([norm.mean() for norm in network.squared_norms(network.trace(x).records)]).sum()


def gradients(penalty: Tensor, network: Network) -> tuple[Tensor, ...]:
    return torch.autograd.grad(0.3 * penalty, list(network.parameters()), materialize_grads=True)


def test_the_gradient_is_autograds(made: Made) -> None:
    x = made.rows(7)
    found, expected = dreg_penalty(made.network, made.network.trace(x).records), by_definition(made.network, x)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    for one, other in zip(gradients(found, made.network), gradients(expected, made.network), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("activation", ["polynomial", "relu"])
def test_a_dense_networks_gradient_is_autograds_to_the_last_bit(activation: str) -> None:
    torch.manual_seed(0)
    network = ChainzRuleNetwork((8, 64, 64, 2), activation)
    x = torch.randn(29, 8)
    found = gradients(dreg_penalty(network, network.trace(x).records), network)
    for one, other in zip(found, gradients(by_definition(network, x), network), strict=True):
        assert torch.equal(one, other)


def test_the_gradient_is_the_finite_difference(made: Made) -> None:
    x = made.rows(5)
    parameters = [p for p in made.network.parameters() if p.requires_grad]
    found = gradients(dreg_penalty(made.network, made.network.trace(x).records), made.network)
    torch.manual_seed(1)
    steps = [1e-6 * torch.randn_like(p) for p in parameters]
    sides = []
    with torch.no_grad():
        for sign in (1, -2):
            for parameter, step in zip(parameters, steps, strict=True):
                parameter.add_(step, alpha=sign)
            sides.append(by_definition(made.network, x))
    slope = sum((g * step).sum() for g, step in zip(found, steps, strict=True))
    torch.testing.assert_close(0.3 * (sides[0] - sides[1]) / 2, slope, rtol=1e-5, atol=1e-12)


def test_a_network_without_hidden_layers_has_the_heads_norm_alone() -> None:
    network = ChainzRuleNetwork((4, 3))
    penalty = dreg_penalty(network, ())
    torch.testing.assert_close(penalty, network.head.weight.square().sum())
    (found,) = torch.autograd.grad(penalty, network.head.weight)
    torch.testing.assert_close(found, 2 * network.head.weight)


def test_the_gradient_says_that_it_cannot_be_differentiated_again() -> None:
    network = ChainzRuleNetwork((4, 6, 3))
    penalty = dreg_penalty(network, network.trace(torch.randn(5, 4)).records)
    with pytest.raises(RuntimeError, match="cannot be differentiated again: take it without create_graph"):
        torch.autograd.grad(penalty, network.head.weight, create_graph=True)
