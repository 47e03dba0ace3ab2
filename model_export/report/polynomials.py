"""What the learned activations became, over the inputs that they get from the test rows."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from model_export.chainzrule import Network, Polynomial
from model_export.chainzrule.tangents import Tangents
from model_export.report.answers import Floats
from model_export.report.subject import Inside

_MOST_NEURONS = 64
_PLACES, _PARTS = 25, 40
_MOST_INPUTS = 20_000
"""Of a channel, whose inputs are as many as there are pixels."""


class Curve(NamedTuple):
    """One neuron's activation over the middle 98 % of its inputs."""

    z: Floats
    value: Floats


class LayerCurves(NamedTuple):
    """The activations of one layer."""

    layer: int
    """Counted from 1, among those with an activation"""
    unit: str
    """What has an activation of its own: a neuron or a channel"""
    neurons: int
    curves: tuple[Curve, ...]
    """Of the neurons, or of evenly taken ones if they are many"""
    edges: Floats
    shares: Floats
    """Of all neurons' inputs, by the parts between the edges"""
    straightness: Floats
    """Of each neuron, the share of its output's variance that a straight line in its input explains, [neurons]"""


@torch.no_grad()
def layer_curves(inside: Inside) -> Iterator[LayerCurves]:
    """Yield the learned activations of each layer, in the order in which they are computed.

    Args:
        inside: the network and its rows.
    """
    seen: list[tuple[nn.Module, Tensor]] = []
    hooks = [
        activation.register_forward_pre_hook(lambda module, taken: seen.append((module, taken[0])))
        for activation in _polynomials(inside.network)
    ]
    try:
        inside.network(inside.rows.to(next(inside.network.parameters()).dtype))
    finally:
        for hook in hooks:
            hook.remove()
    for number, (activation, z) in enumerate(seen, 1):
        yield _of_layer(number, "neuron" if z.dim() == 2 else "channel", activation, _by_neuron(z))


def _polynomials(network: Network) -> Iterator[nn.Module]:
    """Yield the learned activations, each with the tangents that it goes on as if it has some."""
    with_tangents = [module for module in network.modules() if isinstance(module, Tangents)]
    within = {id(module.activation) for module in with_tangents}
    yield from with_tangents
    yield from (module for module in network.modules() if isinstance(module, Polynomial) and id(module) not in within)


def _by_neuron(z: Tensor) -> Tensor:
    """Return inputs [N, n] or [N, channels, height, width] as [places, n], evenly taken if they are many."""
    inputs = z.movedim(1, -1).flatten(0, -2)
    return inputs[:: -(-len(inputs) // _MOST_INPUTS)] if z.dim() > 2 else inputs


def _of_layer(number: int, unit: str, activation: nn.Module, z: Tensor) -> LayerCurves:
    inputs = z.double().numpy()
    low, high = np.quantile(inputs, [0.01, 0.99], axis=0)
    places = np.linspace(low, high, _PLACES)
    values, _ = activation(z)
    drawn, _ = activation(torch.from_numpy(places).to(z.dtype))
    neurons = inputs.shape[1]
    chosen = np.unique(np.linspace(0, neurons - 1, min(neurons, _MOST_NEURONS)).round().astype(int)).tolist()
    shares, edges = np.histogram(inputs, _PARTS, (low.min(), high.max()))
    return LayerCurves(
        number,
        unit,
        neurons,
        tuple(Curve(places[:, neuron], drawn[:, neuron].double().numpy()) for neuron in chosen),
        edges,
        shares / inputs.size,
        _straightness(inputs, values.double().numpy()),
    )


def _straightness(z: Floats, values: Floats) -> Floats:
    z, values = z - z.mean(0), values - values.mean(0)
    spread = (z**2).sum(0) * (values**2).sum(0)
    # A neuron that nothing moves is as straight as any.
    explained: Floats = np.where(spread > 0, (z * values).sum(0) ** 2 / np.where(spread > 0, spread, 1), 1.0)
    return explained
