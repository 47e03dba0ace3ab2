"""Activations that follow no weights of their own, and the fixed scale that their inputs may need."""

import torch
from torch import Tensor, nn

from model_export.chainzrule.activation import Activation, is_straight
from model_export.chainzrule.layer import Factors, Layer


class ActivationLayer(Layer):
    """h = φ(x) elementwise, behind a sum or a pooling; its record is φ'(x).

    Args:
        activation: a module returning value and derivative.
        words: what a manifest calls it.
    """

    def __init__(self, activation: Activation, words: str = "activation") -> None:
        super().__init__()
        self.activation = activation
        self.words = words

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return h and d, both of x's shape."""
        value, derivative = self.activation(x)
        return value, derivative

    def pullback(self, cotangent: Tensor, record: Tensor) -> Tensor:
        """Return u ⊙ d."""
        return cotangent * record

    def factors(self, record: Tensor) -> tuple[Factors, ...]:
        """Return d and ones: ‖diag(d)‖²_F = Σ d²."""
        return ((record.flatten(1), record.new_ones(record[0].numel())),)

    def derivatives(self, record: Tensor) -> tuple[Tensor, ...]:
        """Return d, or nothing of a mere normalisation."""
        return () if is_straight(self.activation) else (record,)

    def __str__(self) -> str:
        return self.words


class Standardised(nn.Module):
    """φ((z − m) / s) and its derivative by z, with constants m and s a neuron or channel.

    Args:
        mean: m [width].
        deviation: s [width], positive.
        activation: φ, a module returning value and derivative.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor, activation: Activation) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.activation = activation

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return value and derivative, both of z's shape, [N, width] or [N, width, height, width']."""
        mean, inverse = (v.reshape(-1, *[1] * (z.dim() - 2)) for v in (self.mean, torch.reciprocal(self.deviation)))
        value, derivative = self.activation((z - mean) * inverse)
        return value, derivative * inverse
