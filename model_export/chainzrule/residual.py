"""Layers with a way around them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

from torch import Tensor, nn

from model_export.chainzrule.layer import Factors, Layer, Record


class _Records(NamedTuple):
    """Of the two ways."""

    through: tuple[Record, ...]
    around: tuple[Record, ...]


class Residual(Layer):
    """h = G(x) + F(x), with F and G chains of layers; G may be empty, and is x then. Its records are those of both.

    DREG penalises the layers within, each by its own Jacobian.

    Args:
        layers: F, from the input on.
        around: G, from the input on.
    """

    def __init__(self, layers: Sequence[Layer], around: Sequence[Layer] = ()) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.around = nn.ModuleList(around)

    @property
    def chain(self) -> tuple[Layer, ...]:
        """The layers of F, from the input on."""
        return tuple(cast("Layer", layer) for layer in self.layers)

    @property
    def shortcut(self) -> tuple[Layer, ...]:
        """The layers of G, from the input on."""
        return tuple(cast("Layer", layer) for layer in self.around)

    def forward(self, x: Tensor) -> tuple[Tensor, _Records]:
        """Return G(x) + F(x), and the records of both."""
        value, through = _follow(self.chain, x)
        shortcut, around = _follow(self.shortcut, x)
        return shortcut + value, _Records(through, around)

    def pullback(self, cotangent: Tensor, record: _Records) -> Tensor:
        """Return uᵀ of G's Jacobian + uᵀ of F's."""
        through = _walk_back(self.chain, record.through, cotangent)
        return _walk_back(self.shortcut, record.around, cotangent) + through

    def factors(self, record: _Records) -> tuple[Factors, ...]:
        """Return what ‖J_l‖²_F of each layer of F, then of G, is made of."""
        return tuple(pair for layer, inner in self._each(record) for pair in layer.factors(inner))

    def derivatives(self, record: _Records) -> tuple[Tensor, ...]:
        """Return φ' of each activation in F, then in G."""
        return tuple(d for layer, inner in self._each(record) for d in layer.derivatives(inner))

    def _each(self, record: _Records) -> Iterator[tuple[Layer, Record]]:
        yield from zip(self.chain, record.through, strict=True)
        yield from zip(self.shortcut, record.around, strict=True)

    def __str__(self) -> str:
        around = f"; around it {', '.join(map(str, self.around))}" if len(self.around) else ""
        return f"residual ({', '.join(map(str, self.layers))}{around})"


def _follow(chain: Sequence[Layer], x: Tensor) -> tuple[Tensor, tuple[Record, ...]]:
    records = []
    for layer in chain:
        x, record = layer(x)
        records.append(record)
    return x, tuple(records)


def _walk_back(chain: Sequence[Layer], records: Sequence[Record], cotangent: Tensor) -> Tensor:
    for layer, record in zip(reversed(chain), reversed(records), strict=True):
        cotangent = layer.pullback(cotangent, record)
    return cotangent
