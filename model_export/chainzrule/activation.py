"""Elementwise activations that return their value and their exact derivative together.

The polynomial is the one this project exists for. The others stand beside it because DREG applies to them too
(arXiv 2606.23942), and because a claim about polynomials needs twins to be compared with.
"""

from collections.abc import Callable, Mapping
from math import pi, sqrt

import torch
from torch import Tensor, nn

from model_export.chainzrule.polynomial import Polynomial

Activation = nn.Module
"""A module whose `forward(z)` returns (φ(z), φ'(z)), both of z's shape."""


class Relu(nn.Module):
    """max(z, 0); the derivative at 0 is 0, as autograd has it."""

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return φ(z) and φ'(z)."""
        return torch.relu(z), (z > 0).to(z.dtype)


class Gelu(nn.Module):
    """z Φ(z), with Φ the standard normal distribution function; the exact form, not the tanh approximation."""

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return φ(z) and φ'(z) = Φ(z) + z Φ'(z)."""
        distribution = 0.5 * (1 + torch.erf(z / sqrt(2)))
        density = torch.exp(-0.5 * z * z) / sqrt(2 * pi)
        return z * distribution, distribution + z * density


class Silu(nn.Module):
    """z σ(z), with σ the logistic function."""

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return φ(z) and φ'(z) = σ(z) (1 + z (1 − σ(z)))."""
        share = torch.sigmoid(z)
        return z * share, share * (1 + z * (1 - share))


class Tanh(nn.Module):
    """tanh(z)."""

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return φ(z) and φ'(z) = 1 − φ(z)²."""
        value = torch.tanh(z)
        return value, 1 - value * value


class Straight(nn.Module):
    """z itself: what stands in a layer that has no activation."""

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and 1."""
        return z, torch.ones_like(z)


def is_straight(activation: Activation) -> bool:
    """Return whether an activation, or what one normalises for, is `Straight`: its derivative tells no rows apart."""
    return any(isinstance(module, Straight) for module in activation.modules())


_FIXED: Mapping[str, Callable[[], Activation]] = {"relu": Relu, "gelu": Gelu, "silu": Silu, "tanh": Tanh}

ACTIVATIONS = ("polynomial", *_FIXED)
"""The names `make_activation` knows."""


def in_words(name: str, degree: int) -> str:
    """Return an activation as a manifest names it."""
    return f"{name} of degree {degree}" if name == "polynomial" else name


def make_activation(name: str, width: int, *, degree: int = 3, curvature: float = 0.5) -> Activation:
    """Return the activation called `name` for `width` neurons; `degree` and `curvature` shape the polynomial only.

    Raises:
        ValueError: if no activation has that name.
    """
    if name == "polynomial":
        return Polynomial(width, degree, curvature)
    if name not in _FIXED:
        raise ValueError(f"no activation is called {name!r}; there are {', '.join(ACTIVATIONS)}")
    return _FIXED[name]()
