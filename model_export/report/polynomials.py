"""What the activations of each dense layer became, over the inputs that they get from the test rows."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from model_export.chainzrule.layer import ChainzRuleLayer
from model_export.report.answers import Floats
from model_export.report.subject import Inside

_MOST_NEURONS = 64
_PLACES, _PARTS = 25, 40


class Curve(NamedTuple):
    """One neuron's activation over the middle 98 % of its inputs."""

    z: Floats
    value: Floats


class LayerCurves(NamedTuple):
    """The activations of one layer."""

    layer: int
    """Counted from 1"""
    neurons: int
    curves: tuple[Curve, ...]
    """Of the neurons, or of evenly taken ones if they are many"""
    edges: Floats
    shares: Floats
    """Of all neurons' inputs, by the parts between the edges"""
    straightness: Floats
    """Of each neuron, the share of its output's variance that a straight line in its input explains, [neurons]"""


@torch.no_grad()
def layer_curves(inside: Inside, rows: torch.Tensor) -> Iterator[LayerCurves]:
    """Yield each dense layer's activations, from the input on.

    Args:
        inside: the network.
        rows: as it takes them, [n, n_0].
    """
    layers = inside.network.layers
    for number, layer in enumerate(layers, 1):
        if not isinstance(layer, ChainzRuleLayer):
            return
        z = layer.linear(rows)
        rows, _ = layer.activation(z)
        yield _of_layer(number, layer, z, rows)


def _of_layer(number: int, layer: ChainzRuleLayer, z: torch.Tensor, values: torch.Tensor) -> LayerCurves:
    inputs = z.double().numpy()
    low, high = np.quantile(inputs, [0.01, 0.99], axis=0)
    places = np.linspace(low, high, _PLACES)
    drawn, _ = layer.activation(torch.from_numpy(places).to(z.dtype))
    neurons = inputs.shape[1]
    chosen = np.unique(np.linspace(0, neurons - 1, min(neurons, _MOST_NEURONS)).round().astype(int)).tolist()
    shares, edges = np.histogram(inputs, _PARTS, (low.min(), high.max()))
    return LayerCurves(
        number,
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
