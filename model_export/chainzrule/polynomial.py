"""The learnable polynomial, one per neuron, with its exact derivative."""

import torch
from torch import Tensor, nn


class Polynomial(nn.Module):
    """φ_i(z) = Σ_k c[k, i] z^k for neuron (or channel) i, and φ_i'(z) beside it.

    It starts as z + curvature·z² + curvature/10·z³ (higher terms zero), for every neuron alike. The start decides how
    much a derivative can say later: near the identity φ' is nearly constant and stays so through training; with
    real curvature φ' is one-to-one over the data and tells where in the input space a row lies.

    Args:
        width: number of neurons, or of channels.
        degree: degree of the polynomial, at least 1.
        curvature: the starting c[2].

    Raises:
        ValueError: if `degree` is below 1.
    """

    def __init__(self, width: int, degree: int = 3, curvature: float = 0.5) -> None:
        super().__init__()
        if degree < 1:
            raise ValueError(f"degree must be at least 1, got {degree}: a constant activation learns nothing")
        start = [0.0, 1.0, curvature, curvature / 10]
        start += [0.0] * (degree + 1 - len(start))
        self.coefficients = nn.Parameter(torch.tensor(start[: degree + 1]).unsqueeze(1).repeat(1, width))

    @property
    def degree(self) -> int:
        """The degree of the polynomial."""
        return self.coefficients.shape[0] - 1

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return φ(z) and φ'(z), both [N, width] or [N, width, …] as z is, by one Horner scheme for the two."""
        *lower, leading = self.coefficients.reshape(*self.coefficients.shape, *[1] * (z.dim() - 2)).unbind(0)
        *lower, last = lower
        value, derivative = leading * z + last, leading
        for coefficient in reversed(lower):
            derivative = derivative * z + value
            value = value * z + coefficient
        return value, derivative.expand_as(z) if self.degree == 1 else derivative
