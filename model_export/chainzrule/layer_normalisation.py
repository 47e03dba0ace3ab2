"""Layer normalisation."""

import torch
from torch import Tensor, nn

from model_export.chainzrule.layer import Factors, Layer

_Normal = tuple[Tensor, Tensor]
"""x̂ [N, …] and 1 / √(v + ε) [N, 1]."""

_LEAST = 1e-12
"""A root at 0 would have no derivative."""


class LayerNormalisation(Layer):
    """h = γ ⊙ x̂ + β, with x̂ = (x − m) / √(v + ε) by the mean m and the variance v over each row's own n values.

    Ba, Kiros and Hinton, "Layer Normalization" (2016). Its Jacobian is not diagonal, but known:
    diag(γ) (I − 1 1ᵀ / n − x̂ x̂ᵀ / n) / √(v + ε). Its record is x̂ and the root's inverse.

    Args:
        shape: of a row.
        epsilon: ε.
    """

    def __init__(self, shape: tuple[int, ...], epsilon: float = 1e-5) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(shape))
        self.shift = nn.Parameter(torch.zeros(shape))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> tuple[Tensor, _Normal]:
        """Return h of x's shape, and the record."""
        flat = x.flatten(1)
        centred = flat - flat.mean(1, keepdim=True)
        inverse = torch.rsqrt(centred.square().mean(1, keepdim=True) + self.epsilon)
        normal = centred * inverse
        return normal.reshape(-1, *self.gain.shape) * self.gain + self.shift, (normal, inverse)

    def pullback(self, cotangent: Tensor, record: _Normal) -> Tensor:
        """Return (w − mean(w) − x̂ mean(w ⊙ x̂)) / √(v + ε), with w = γ ⊙ u."""
        normal, inverse = record
        weighted = (cotangent * self.gain).flatten(-self.gain.dim())
        along = (weighted * normal).mean(-1, keepdim=True)
        back = (weighted - weighted.mean(-1, keepdim=True) - normal * along) * inverse
        return back.reshape(cotangent.shape)

    def factors(self, record: _Normal) -> tuple[Factors, ...]:
        """Return d with d_i² = (1 − 1/n − x̂_i² (2 − r) / n) / (v + ε), r being the mean of x̂², just below 1; and γ²."""
        normal, inverse = record
        count = normal.shape[1]
        share = normal.square().mean(1, keepdim=True)
        rows = 1 - 1 / count - normal.square() * (2 - share) / count
        return ((rows.clamp(min=_LEAST).sqrt() * inverse, self.gain.flatten().square()),)

    def derivatives(self, _record: _Normal) -> tuple[Tensor, ...]:
        """Return nothing: there is no activation."""
        return ()

    def __str__(self) -> str:
        return f"layer normalisation {'×'.join(map(str, self.gain.shape))}"
