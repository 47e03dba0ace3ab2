"""Layers with a way around them."""

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from model_export.chainzrule.layer import Factors, Layer, Record


class Residual(Layer):
    """h = x + F(x), with F a chain of layers that keeps the shape; its record is those of the chain.

    DREG penalises the layers within, each by its own Jacobian: the way around is constant.

    Args:
        layers: F, from the input on.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    @property
    def chain(self) -> tuple[Layer, ...]:
        """The layers of F, from the input on."""
        return tuple(cast("Layer", layer) for layer in self.layers)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Record, ...]]:
        """Return x + F(x), and the records of F."""
        value, records = x, []
        for layer in self.chain:
            value, record = layer(value)
            records.append(record)
        return x + value, tuple(records)

    def pullback(self, cotangent: Tensor, record: tuple[Record, ...]) -> Tensor:
        """Return u + uᵀ of F's Jacobian."""
        through = cotangent
        for layer, inner in zip(reversed(self.chain), reversed(record), strict=True):
            through = layer.pullback(through, inner)
        return cotangent + through

    def factors(self, record: tuple[Record, ...]) -> tuple[Factors, ...]:
        """Return what ‖J_l‖²_F of each layer of F is made of."""
        return tuple(pair for layer, inner in zip(self.chain, record, strict=True) for pair in layer.factors(inner))

    def derivatives(self, record: tuple[Record, ...]) -> tuple[Tensor, ...]:
        """Return φ' of each activation in F."""
        return tuple(d for layer, inner in zip(self.chain, record, strict=True) for d in layer.derivatives(inner))

    def __str__(self) -> str:
        return f"residual ({', '.join(map(str, self.layers))})"
