"""Three witnesses for the derivatives of every kind of layer: the formula, autograd and finite differences."""

from collections.abc import Iterator
from typing import cast

import pytest
import torch
from torch import Tensor

from model_export.chainzrule import (
    ChainzRuleNetwork,
    ConvolutionalLayer,
    ConvolutionalNetwork,
    CumulativeHead,
    Layer,
    Network,
    Polynomial,
    Residual,
    dreg_penalty,
    reverse_jacobian,
    summary,
)
from tests.model_export.chainzrule.conftest import Made


def outputs(network: Network, x: Tensor) -> Tensor:
    """The logits, or the number that levels lie along."""
    features = network.trace(x).features
    head = network.head
    found: Tensor = head.linear(features) if isinstance(head, CumulativeHead) else head(features)
    return found


@pytest.mark.parametrize("rows", [0, 1, 7, 200])
def test_walking_back_gives_autograds_jacobian(made: Made, rows: int) -> None:
    x = made.rows(rows)
    found = reverse_jacobian(made.network, made.network.trace(x))
    if not rows:
        assert found.shape == (0, len(made.network.head.weight), *made.shape)
        return
    jacobian = torch.func.vmap(torch.func.jacrev(lambda row: outputs(made.network, row[None])[0]))(x)
    torch.testing.assert_close(found, jacobian, rtol=1e-9, atol=1e-11)


def test_walking_back_gives_the_finite_difference(made: Made) -> None:
    x, direction = made.rows(9), made.rows(9)
    jacobian = reverse_jacobian(made.network, made.network.trace(x))
    # Small, so that few places cross from curve to tangent, where the second derivative jumps.
    step = 3e-7
    rise = outputs(made.network, x + step * direction) - outputs(made.network, x - step * direction)
    along = torch.einsum("nk...,n...->nk", jacobian.flatten(2), direction.flatten(1))
    torch.testing.assert_close(along, rise / (2 * step), rtol=1e-5, atol=1e-7)


def test_several_combinations_walk_back_together(made: Made) -> None:
    x = made.rows(5)
    records = made.network.trace(x).records
    combinations = torch.randn(3, 5, len(made.network.head.weight), dtype=torch.float64)
    together = made.network.pullback(records, combinations)
    for one, found in zip(combinations, together, strict=True):
        torch.testing.assert_close(found, made.network.pullback(records, one))


def learning_layers(network: Network, x: Tensor) -> Iterator[tuple[Layer, Tensor]]:
    """Each layer that learns, with its input."""
    for layer in network.layers:
        if isinstance(layer, Residual):
            for chain in (layer.chain, layer.shortcut):
                inner = x
                for within in chain:
                    yield within, inner
                    inner = within(inner)[0]
        elif layer.squared_norms(layer(x)[1]):
            yield layer, x
        x = layer(x)[0]


def test_dregs_norms_are_those_of_each_layers_jacobian_taps_outside_the_image_left_out(made: Made) -> None:
    x = made.rows(4)
    trace = made.network.trace(x)
    *norms, head = made.network.squared_norms(trace.records)
    for (layer, inputs), norm in zip(learning_layers(made.network, x), norms, strict=True):
        jacobian = torch.func.vmap(torch.func.jacrev(lambda row, layer=layer: layer(row[None])[0][0]))(inputs)
        torch.testing.assert_close(norm, jacobian.flatten(1).square().sum(1))
    torch.testing.assert_close(head, made.network.head.weight.square().sum())
    expected = torch.stack([norm.mean() for norm in (*norms, head)]).sum()
    torch.testing.assert_close(dreg_penalty(made.network, trace.records), expected)


def test_dregs_gradient_is_autograds_through_convolutions_too(made: Made) -> None:
    x = made.rows(3)
    made.network.requires_grad_()
    weight = next(p for name, p in made.network.named_parameters() if name.endswith("weight"))
    dreg_penalty(made.network, made.network.trace(x).records).backward()  # type: ignore[no-untyped-call]
    found = cast("Tensor", weight.grad).flatten()[0].clone()
    sides = []
    for step in (1e-5, -1e-5):
        with torch.no_grad():
            weight.view(-1)[0] += step
            sides.append(dreg_penalty(made.network, made.network.trace(x).records))
            weight.view(-1)[0] -= step
    torch.testing.assert_close(found, (sides[0] - sides[1]) / 2e-5, rtol=1e-5, atol=1e-7)


def test_a_fingerprint_is_a_row_of_numbers_of_the_first_activation_and_of_the_last(made: Made) -> None:
    records = made.network.trace(made.rows(6)).records
    derivatives = made.network.derivatives(records)
    for found, of in zip(made.network.fingerprint(records), (derivatives[0], derivatives[-1]), strict=True):
        torch.testing.assert_close(found, summary(of))
        assert found.shape == (6, of.shape[1] if of.dim() == 2 else 2 * of.shape[1])


def test_a_channels_summary_is_its_mean_and_mean_square() -> None:
    derivatives = torch.tensor([[[[1.0, 3.0], [1.0, 3.0]]]])
    assert summary(derivatives).tolist() == [[2.0, 5.0]]


def test_a_network_without_activations_has_no_fingerprint() -> None:
    network = ChainzRuleNetwork((3, 2))
    with pytest.raises(ValueError, match="constant Jacobian"):
        network.fingerprint(network.trace(torch.zeros(1, 3)).records)


@pytest.mark.parametrize(("shape", "channels"), [((1, 6, 6), (2, 2, 2)), ((1, 8, 8), ())])
def test_an_image_that_cannot_be_halved_so_often_is_refused(
    shape: tuple[int, int, int], channels: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="stages halve the image"):
        ConvolutionalNetwork(shape, channels)


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(ValueError, match="no middle"):
        ConvolutionalLayer(1, 1, Polynomial(1), kernel=4)


def test_layers_are_said_in_words() -> None:
    words = ConvolutionalNetwork((3, 8, 8), (4, 6), 10).words
    assert words[0] == "convolution 3×3, 3 → 4"
    assert words[2:4] == ("average pool 2×2", "convolution 3×3, 4 → 6")
    assert words[-2:] == ("global average pool", "linear 6 → 10")
    assert ChainzRuleNetwork((4, 3, 5), ordinal=True).words == ("dense 4 → 3", "cumulative 3 → 5 levels")
