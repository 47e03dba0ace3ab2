"""Cubics in the place of activations, fitted where their inputs really lie."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from model_export.chainzrule import (
    Activation,
    ActivationLayer,
    ChainzRuleLayer,
    ConvolutionalLayer,
    Layer,
    Network,
    Normalised,
    Polynomial,
    Residual,
    Standardised,
    Straight,
    Tangents,
)
from model_export.conversion.steps import Curve

_BOUND = 2.5
"""In deviations of a neuron's inputs: beyond, the cubic goes on as its tangent."""

_SMALLEST_DEVIATION = 1e-5
"""Of a neuron's inputs; one that hardly moves is fitted as if it moved so much."""

_RIDGE = 1e-8
"""Share of the values that is added to the normal equations: a neuron that never moves has none of its own."""

_ROWS_AT_A_TIME = 256

_VALUES = 20_000
"""Of a neuron that a cubic is fitted to, at least: places of an image are drawn."""

Slot = ChainzRuleLayer | ConvolutionalLayer | ActivationLayer
"""A layer that may have an activation."""


class Unfitted(nn.Module):
    """Holds the place of an activation until a cubic stands for it.

    Args:
        curve: the activation.
    """

    def __init__(self, curve: Curve) -> None:
        super().__init__()
        self.curve = curve

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Refuse: its derivative is not known."""
        raise NotImplementedError(f"no cubic has been fitted to {self.curve.path} yet")


class Fit(NamedTuple):
    """How well a cubic stands for an activation."""

    path: str
    """in the network"""
    name: str
    width: int
    """cubics, one a neuron or channel"""
    lowest: float
    """input among the sample rows"""
    highest: float
    error: float
    """root mean square of what is left, over the deviation of the activation's values, both over all neurons"""


def fit_cubics(network: Network, rows: Tensor, seed: int = 0) -> tuple[Fit, ...]:
    """Put fitted cubics in the place of every `Unfitted`, from the input on, and say how well they fit.

    Each is fitted to the inputs that it gets from the cubics before it, by least squares over the sample: the network's
    own weighting. What is fitted is the cubic *with* its tangents, which is linear in its coefficients too. Statistics
    of batch normalisation are taken anew on the way, since cubics before them move their inputs; gain and shift go
    into the cubic.

    Args:
        network: evaluated from now on with cubics.
        rows: sample rows as the network takes them.
        seed: of the places that are drawn from images.
    """
    generator = torch.Generator().manual_seed(seed)
    fits = []
    for slot in slots(network.layers):
        fit = _replace(network, slot, rows, generator)
        if fit is not None:
            fits.append(fit)
    return tuple(fits)


def slots(layers: Sequence[Layer]) -> Iterator[Slot]:
    """Yield the layers that have an activation, in the order in which they are evaluated."""
    for layer in layers:
        if isinstance(layer, Residual):
            yield from slots(layer.chain)
            yield from slots(layer.shortcut)
        elif isinstance(layer, ChainzRuleLayer | ConvolutionalLayer | ActivationLayer):
            yield layer


@torch.no_grad()
def _replace(network: Network, slot: Slot, rows: Tensor, generator: torch.Generator) -> Fit | None:
    before = slot.activation
    normalised = before if isinstance(before, Normalised) else None
    curved = before.activation if normalised is not None else before
    if normalised is None and isinstance(curved, Straight):
        return None
    inputs = _inputs(network, slot, rows, generator)
    epsilon = _SMALLEST_DEVIATION**2 if normalised is None else normalised.epsilon
    deviation = torch.sqrt(inputs.variance + epsilon)
    if normalised is not None:
        normalised.mean.copy_(inputs.mean)
        normalised.variance.copy_(inputs.variance)
    if not isinstance(curved, Unfitted):
        return None
    standard = (inputs.values - inputs.mean) / deviation
    meant = inputs.values if normalised is None else standard * normalised.gain + normalised.shift
    # An activation may have parameters a channel, as PReLU has: it is given values as it would meet them.
    targets = curved.curve.function(meant.to(torch.float32, copy=True)).double()
    polynomial, errors = fit_polynomial(standard, targets)
    slot.activation = _standing(slot, normalised, inputs.mean, deviation, Tangents(polynomial, _BOUND))
    spread = (targets - targets.mean(0)).square().mean().sqrt().clamp_min(1e-12)
    return Fit(
        curved.curve.path,
        curved.curve.name,
        targets.shape[1],
        meant.min().item(),
        meant.max().item(),
        (errors.mean().sqrt() / spread).item(),
    )


def _standing(
    slot: Slot, normalised: Normalised | None, mean: Tensor, deviation: Tensor, curve: Activation
) -> Activation:
    """Return an activation of a curve that wants its inputs standardised; a slot's weights do it, if it has some."""
    if normalised is not None:
        normalised.gain.fill_(1)
        normalised.shift.zero_()
        normalised.activation = curve
        return normalised
    if isinstance(slot, ActivationLayer):
        return Standardised(mean.float(), deviation.float(), curve)
    linear = slot.linear if isinstance(slot, ChainzRuleLayer) else slot.convolution
    bias = cast("Tensor", linear.bias)
    bias.copy_((bias - mean) / deviation)
    linear.weight.div_(deviation.reshape(-1, *[1] * (linear.weight.dim() - 1)))
    return curve


def fit_polynomial(standard: Tensor, targets: Tensor) -> tuple[Polynomial, Tensor]:
    """Return a cubic a neuron which, with its tangents beyond the bound, is nearest to the targets, and its errors.

    Args:
        standard: inputs [n, width], in deviations; float64.
        targets: [n, width].

    Returns:
        The polynomial, and the mean squared errors [width].
    """
    within = standard.clamp(-_BOUND, _BOUND)
    beyond = standard - within
    powers = [within**k for k in range(4)]
    tangents = [powers[0], *(powers[k] + k * powers[k - 1] * beyond for k in range(1, 4))]
    basis = torch.stack(tangents, -1)
    normal = torch.einsum("nwk,nwl->wkl", basis, basis)
    normal += _RIDGE * len(standard) * torch.eye(4, dtype=normal.dtype)
    coefficients = torch.linalg.solve(normal, torch.einsum("nwk,nw->wk", basis, targets))
    errors = (torch.einsum("nwk,wk->nw", basis, coefficients) - targets).square().mean(0)
    polynomial = Polynomial(targets.shape[1])
    polynomial.coefficients.copy_(coefficients.T)
    return polynomial, errors


class _Inputs(NamedTuple):
    """What an activation is given, in float64."""

    mean: Tensor
    """[width]"""
    variance: Tensor
    values: Tensor
    """[n, width], some of them"""


class _Reached(Exception):  # noqa: N818 - no error: the rest of the network need not run
    def __init__(self, values: Tensor) -> None:
        self.values = values


def _inputs(network: Network, slot: Slot, rows: Tensor, generator: torch.Generator) -> _Inputs:
    """Return what reaches a slot's activation, normalisation included, for sample rows."""

    def stop(_module: nn.Module, given: tuple[Tensor, ...]) -> None:
        raise _Reached(given[0])

    hook = slot.activation.register_forward_pre_hook(stop)
    parts: list[Tensor] = []
    total = squares = torch.zeros((), dtype=torch.float64)
    count = 0
    try:
        for batch in torch.split(rows, _ROWS_AT_A_TIME):
            try:
                network(batch)
            except _Reached as reached:
                values = _by_channel(reached.values).double()
                total, squares, count = total + values.sum(0), squares + values.square().sum(0), count + len(values)
                share = -(-_VALUES * len(batch) // len(rows))
                parts.append(values[torch.randperm(len(values), generator=generator)[:share]])
    finally:
        hook.remove()
    mean = total / count
    return _Inputs(mean, (squares / count - mean.square()).clamp_min(0), torch.cat(parts))


def _by_channel(values: Tensor) -> Tensor:
    """Return values [N, width] or [N, width, height, width'] with a row a place, [n, width]."""
    return values if values.dim() == 2 else values.flatten(2).transpose(1, 2).flatten(0, 1)
