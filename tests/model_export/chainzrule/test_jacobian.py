"""Three witnesses for every derivative: the formula, autograd and finite differences, in float64."""

import pytest
import torch
from torch import Tensor

from model_export.chainzrule import (
    ACTIVATIONS,
    ChainzRuleNetwork,
    dreg_penalty,
    forward_jacobian,
    jacobian_norm,
    reverse_jacobian,
    tail_ratio,
)

WIDTHS = ((4, 3), (4, 7, 3), (4, 7, 5, 3), (1, 2, 2, 2, 1))


def make_network(widths: tuple[int, ...], activation: str = "polynomial") -> ChainzRuleNetwork:
    torch.manual_seed(sum(widths))
    network = ChainzRuleNetwork(widths, activation).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return network


def by_autograd(network: ChainzRuleNetwork, x: Tensor) -> Tensor:
    jacobian: Tensor = torch.func.vmap(torch.func.jacrev(lambda row: network(row.unsqueeze(0)).squeeze(0)))(x)
    return jacobian


def by_finite_differences(network: ChainzRuleNetwork, x: Tensor, step: float = 1e-5) -> Tensor:
    columns = []
    for i in range(x.shape[1]):
        shift = torch.zeros_like(x)
        shift[:, i] = step
        columns.append((network(x + shift) - network(x - shift)) / (2 * step))
    return torch.stack(columns, dim=2)


@pytest.mark.parametrize("rows", [0, 1, 7, 500])
@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_both_directions_are_autograds_jacobian(activation: str, widths: tuple[int, ...], rows: int) -> None:
    network = make_network(widths, activation)
    x = torch.randn(rows, widths[0], dtype=torch.float64)
    trace = network.trace(x)
    shape = (rows, widths[-1], widths[0])
    expected = by_autograd(network, x) if rows else torch.zeros(shape, dtype=torch.float64)
    for jacobian in (
        forward_jacobian(network.weights, network.derivatives(trace.records)),
        reverse_jacobian(network, trace),
    ):
        torch.testing.assert_close(jacobian.expand(shape), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("activation", ["polynomial", "gelu", "tanh"])
def test_the_jacobian_is_the_finite_difference(activation: str) -> None:
    network = make_network((4, 7, 5, 3), activation)
    x = torch.randn(20, 4, dtype=torch.float64)
    jacobian = reverse_jacobian(network, network.trace(x))
    torch.testing.assert_close(jacobian, by_finite_differences(network, x), rtol=1e-6, atol=1e-7)


def test_pullback_is_any_combination_of_the_jacobians_rows() -> None:
    network = make_network((4, 7, 5, 3))
    x = torch.randn(20, 4, dtype=torch.float64)
    combination = torch.randn(20, 3, dtype=torch.float64)
    expected = torch.einsum("nk,nki->ni", combination, by_autograd(network, x))
    torch.testing.assert_close(network.pullback(network.trace(x).records, combination), expected)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_layer_norms_are_those_of_each_layers_jacobian(activation: str) -> None:
    network = make_network((4, 7, 5, 3), activation)
    hidden = torch.randn(6, 4, dtype=torch.float64)
    norms = network.squared_norms(network.trace(hidden).records)
    for layer, norm in zip([*network.hidden, network.head], norms, strict=True):

        def apply(rows: Tensor, layer: torch.nn.Module = layer) -> Tensor:
            output: Tensor | tuple[Tensor, Tensor] = layer(rows)
            return output[0] if isinstance(output, tuple) else output

        exact = torch.func.vmap(torch.func.jacrev(apply))(hidden)
        torch.testing.assert_close(norm.expand(6), exact.square().sum((1, 2)))
        step = 1e-6 * torch.eye(hidden.shape[1], dtype=torch.float64)
        difference = torch.stack([(apply(hidden + h) - apply(hidden - h)) / 2e-6 for h in step], 2)
        torch.testing.assert_close(norm.expand(6), difference.square().sum((1, 2)), rtol=1e-6, atol=1e-8)
        hidden = apply(hidden)


def test_dreg_is_the_batchs_mean_of_summed_norms_and_has_autograds_gradient() -> None:
    network = make_network((4, 7, 5, 3))
    x = torch.randn(9, 4, dtype=torch.float64)
    norms = network.squared_norms(network.trace(x).records)
    expected = torch.stack([norm.expand(9) for norm in norms]).sum(0).mean()
    torch.testing.assert_close(dreg_penalty(network, network.trace(x).records), expected)

    def penalty(weight: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(_Penalty(network), {"network.hidden.0.linear.weight": weight}, x)
        return found

    weight = network.weights[0].detach().requires_grad_()
    assert torch.autograd.gradcheck(penalty, (weight,))


class _Penalty(torch.nn.Module):
    def __init__(self, network: ChainzRuleNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return dreg_penalty(self.network, self.network.trace(x).records)


def test_norm_and_tail_ratio_are_their_definitions() -> None:
    jacobian = torch.randn(5, 3, 4)
    torch.testing.assert_close(jacobian_norm(jacobian), jacobian.square().sum((1, 2)).sqrt())
    norms = torch.arange(1.0, 102.0)
    assert tail_ratio(norms) == pytest.approx(100 / 51)


def test_the_tail_ratio_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no rows"):
        tail_ratio(torch.empty(0))


@pytest.mark.parametrize("widths", [(4,), (4, 0, 2), ()])
def test_impossible_widths_are_refused(widths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="widths must be"):
        ChainzRuleNetwork(widths)
