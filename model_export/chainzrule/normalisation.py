"""Batch normalisation, as a part of the activation that follows it."""

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm

from model_export.chainzrule.activation import Activation

_MOMENTUM = 0.1
"""Weight of the present batch in the running statistics."""


class Normalised(nn.Module):
    """φ(γ (z − μ) / √(σ² + ε) + β) and its derivative by z, per channel.

    Ioffe and Szegedy, "Batch Normalization" (2015). In training μ and σ² are the batch's, afterwards running means of
    them. The derivative takes them for constants, so that a layer's Jacobian stays diag(d) W; its scale is a constant a
    channel, which `graph.folding` moves into the weights.

    Args:
        width: number of neurons, or of channels.
        activation: φ, a module returning value and derivative.
        epsilon: ε.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, width: int, activation: Activation, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))
        self.shift = nn.Parameter(torch.zeros(width))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))
        self.activation = activation
        self.epsilon = epsilon

    @property
    def scale(self) -> Tensor:
        """γ / √(σ² + ε) by the running variance, [width]."""
        return self.gain / torch.sqrt(self.variance + self.epsilon)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return value and derivative, both of z's shape, [N, width] or [N, width, height, width']."""
        if self.training:
            normal, _, inverse = torch.native_batch_norm(
                z, self.gain, self.shift, self.mean, self.variance, True, _MOMENTUM, self.epsilon
            )
            scale = self.gain * inverse.detach()
        else:
            normal = batch_norm(z, self.mean, self.variance, self.gain, self.shift, False, _MOMENTUM, self.epsilon)
            scale = self.scale
        value, derivative = self.activation(normal)
        return value, derivative * scale.reshape(-1, *[1] * (z.dim() - 2))
