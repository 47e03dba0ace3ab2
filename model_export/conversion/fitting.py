"""Cubics in the place of activations, fitted where their inputs really lie."""

from collections.abc import Callable, Iterator, Sequence
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
from model_export.chainzrule.tangents import BOUND
from model_export.conversion.steps import Curve

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
        """Return φ(z), and no derivative: it is not known. What works in place gets a copy."""
        return self.curve.function(z.clone()), torch.full_like(z, torch.nan)


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
    own weighting. What is fitted is the cubic *with* its tangents, which is linear in its coefficients too. Cubics
    before it move its inputs, so their mean and deviation are first brought to what they are in the network as it was:
    by its normalisation's statistics, or by its weights. Gain and shift of a normalisation go into the cubic.

    Args:
        network: evaluated from now on with cubics.
        rows: sample rows as the network takes them.
        seed: of the places that are drawn from images.
    """
    generator = torch.Generator().manual_seed(seed)
    found = list(slots(network.layers))
    originals = _original_moments(network, found, rows)
    fits = (_replace(network, *each, rows, generator) for each in zip(found, originals, strict=True))
    return tuple(fit for fit in fits if fit is not None)


def slots(layers: Sequence[Layer]) -> Iterator[Slot]:
    """Yield the layers that have an activation, in the order in which they are evaluated."""
    for layer in layers:
        if isinstance(layer, Residual):
            yield from slots(layer.chain)
            yield from slots(layer.shortcut)
        elif isinstance(layer, ChainzRuleLayer | ConvolutionalLayer | ActivationLayer):
            yield layer


@torch.no_grad()
def _replace(
    network: Network, slot: Slot, original: "_Moments", rows: Tensor, generator: torch.Generator
) -> Fit | None:
    before = slot.activation
    normalised = before if isinstance(before, Normalised) else None
    curved = before if normalised is None else normalised.activation
    if normalised is None and isinstance(curved, Straight):
        return None
    values, moments = _inputs(network, slot, rows, generator)
    epsilon = _SMALLEST_DEVIATION**2 if normalised is None else normalised.epsilon
    # Where the values would lie in the network as it was, as a function of standardised ones.
    scale, shift = torch.sqrt(original.variance + epsilon), original.mean
    if normalised is not None:
        shift = (shift - normalised.mean) * normalised.scale + normalised.shift
        scale = scale * normalised.scale
        normalised.mean.copy_(moments.mean)
        normalised.variance.copy_(moments.variance)
    if not isinstance(curved, Unfitted):
        assert normalised is not None, "only a normalisation stands alone"  # noqa: S101 - for the type checker
        normalised.gain.copy_(scale)
        normalised.shift.copy_(shift)
        return None
    deviation = torch.sqrt(moments.variance + epsilon)
    standard = (values - moments.mean) / deviation
    meant = standard * scale + shift
    # An activation may have parameters a channel, as PReLU has: it is given values as it would meet them.
    targets = curved.curve.function(meant.to(torch.float32, copy=True)).double()
    polynomial, errors = fit_polynomial(standard, targets)
    curve = Tangents(polynomial, BOUND)
    if normalised is None:
        slot.activation = _standing(slot, moments.mean, deviation, curve)
    else:
        normalised.gain.fill_(1)
        normalised.shift.zero_()
        normalised.activation = curve
    spread = (targets - targets.mean(0)).square().mean().sqrt().clamp_min(1e-12)
    return Fit(
        curved.curve.path,
        curved.curve.name,
        targets.shape[1],
        meant.min().item(),
        meant.max().item(),
        (errors.mean().sqrt() / spread).item(),
    )


def _standing(slot: Slot, mean: Tensor, deviation: Tensor, curve: Activation) -> Activation:
    """Return an activation of a curve that wants its inputs standardised; a slot's weights do it, if it has some."""
    if isinstance(slot, ActivationLayer):
        return Standardised(mean.float(), deviation.float(), curve)
    linear = slot.linear if isinstance(slot, ChainzRuleLayer) else slot.convolution
    bias = cast("Tensor", linear.bias)
    bias.copy_((bias - mean) / deviation)
    linear.weight.div_(deviation.reshape(-1, *[1] * (linear.weight.dim() - 1)))
    return curve


@torch.no_grad()
def fit_polynomial(standard: Tensor, targets: Tensor) -> tuple[Polynomial, Tensor]:
    """Return a cubic a neuron which, with its tangents beyond the bound, is nearest to the targets, and its errors.

    Args:
        standard: inputs [n, width], in deviations; float64.
        targets: [n, width].

    Returns:
        The polynomial, and the mean squared errors [width].
    """
    # A matrix a neuron, [width, 4, n].
    standard, targets = standard.T.contiguous(), targets.T.contiguous()
    within = standard.clamp(-BOUND, BOUND)
    powers = [torch.ones_like(within), within, within.square(), within * within.square()]
    tangents = (powers[k] + k * powers[k - 1] * (standard - within) for k in range(1, 4))
    basis = torch.stack([powers[0], *tangents], 1)
    normal = basis @ basis.transpose(1, 2)
    normal += _RIDGE * standard.shape[1] * torch.eye(4, dtype=normal.dtype)
    coefficients = torch.linalg.solve(normal, basis @ targets.unsqueeze(2))
    errors = ((coefficients.transpose(1, 2) @ basis)[:, 0] - targets).square().mean(1)
    polynomial = Polynomial(len(targets))
    polynomial.coefficients.copy_(coefficients[:, :, 0].T)
    return polynomial, errors


class _Moments:
    """Mean and variance of values [n, width], part after part, in float64."""

    def __init__(self) -> None:
        self.count = 0
        self.total = self.squares = torch.zeros((), dtype=torch.float64)

    def add(self, values: Tensor) -> None:
        """Take more values into account."""
        self.count += len(values)
        self.total = self.total + values.sum(0, dtype=torch.float64)
        self.squares = self.squares + values.double().square().sum(0)

    @property
    def mean(self) -> Tensor:
        """[width]."""
        return self.total / self.count

    @property
    def variance(self) -> Tensor:
        """[width]."""
        return (self.squares / self.count - self.mean.square()).clamp_min(0)


@torch.no_grad()
def _original_moments(network: Network, found: Sequence[Slot], rows: Tensor) -> list[_Moments]:
    """Return the moments of what reaches each slot's activation while no cubic stands anywhere."""
    moments = [_Moments() for _ in found]

    def watch(of: _Moments) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda _module, given: of.add(_by_channel(given[0]))

    hooks = [slot.activation.register_forward_pre_hook(watch(of)) for slot, of in zip(found, moments, strict=True)]
    for batch in torch.split(rows, _ROWS_AT_A_TIME):
        network(batch)
    for hook in hooks:
        hook.remove()
    return moments


class _Reached(Exception):  # noqa: N818 - no error: the rest of the network need not run
    def __init__(self, values: Tensor) -> None:
        self.values = values


def _inputs(network: Network, slot: Slot, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, _Moments]:
    """Return what reaches a slot's activation, normalisation included: some values [n, width], the moments of all."""

    def stop(_module: nn.Module, given: tuple[Tensor, ...]) -> None:
        raise _Reached(given[0])

    hook = slot.activation.register_forward_pre_hook(stop)
    parts: list[Tensor] = []
    moments = _Moments()
    for batch in torch.split(rows, _ROWS_AT_A_TIME):
        try:
            network(batch)
        except _Reached as reached:
            values = _by_channel(reached.values)
            moments.add(values)
            share = -(-_VALUES * len(batch) // len(rows))
            parts.append(values[torch.randperm(len(values), generator=generator)[:share]].double())
    hook.remove()
    return torch.cat(parts), moments


def _by_channel(values: Tensor) -> Tensor:
    """Return values [N, width] or [N, width, height, width'] with a row a place, [n, width]."""
    return values if values.dim() == 2 else values.flatten(2).transpose(1, 2).flatten(0, 1)
