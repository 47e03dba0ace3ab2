"""Networks of layers that know their Jacobians."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from model_export.chainzrule.activation import make_activation
from model_export.chainzrule.cumulative_head import CumulativeHead
from model_export.chainzrule.layer import ChainzRuleLayer, Factors, Layer, Record


class Trace(NamedTuple):
    """What one forward pass leaves behind: enough for every Jacobian of the network."""

    logits: Tensor
    """[N, K], or f − θ [N, K − 1] of a `CumulativeHead`"""

    features: Tensor
    """h_{L-1}, what the head takes, [N, n_{L-1}]"""

    records: tuple[Record, ...]
    """of each hidden layer"""


class Network(nn.Module):
    """Hidden layers, then a head: linear to K logits, or cumulative to the one number that K levels lie along.

    Args:
        hidden: layers 1 … L − 1.
        head: takes [N, n_{L-1}].
    """

    def __init__(self, hidden: Sequence[Layer], head: nn.Linear | CumulativeHead) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(hidden)
        self.head = head

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The hidden layers, from the input on."""
        return tuple(cast("Layer", layer) for layer in self.hidden)

    def trace(self, x: Tensor) -> Trace:
        """Return the logits of x [N, …] and the records made on the way."""
        records = []
        for layer in self.layers:
            x, record = layer(x)
            records.append(record)
        return Trace(self.head(x), x, tuple(records))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [N, K] of x [N, …]."""
        return self.trace(x).logits

    def pullback(self, records: Sequence[Record], cotangent: Tensor) -> Tensor:
        """Return uᵀJ, of the shape of x, for combinations u of the head's outputs: the logits, or f.

        Args:
            records: the trace's.
            cotangent: u, [N, K] (or [N, 1]), or K' of them as [K', N, K], which walk back together.
        """
        return pull_back(self.layers, records, cotangent @ self.head.weight)

    def derivatives(self, records: Sequence[Record]) -> tuple[Tensor, ...]:
        """Return φ' of every activation, from the input on; [N, n] each, or [N, channels, height, width]."""
        return tuple(d for layer, record in zip(self.layers, records, strict=True) for d in layer.derivatives(record))

    def fingerprint(self, records: Sequence[Record]) -> tuple[Tensor, Tensor]:
        """Return the `summary` of the first activation's derivatives and of the last one's, which tell rows apart.

        Raises:
            ValueError: if there is no activation.
        """
        derivatives = self.derivatives(records)
        if not derivatives:
            raise ValueError("a network without activations has a constant Jacobian, and no signature")
        return summary(derivatives[0]), summary(derivatives[-1])

    def factors(self, records: Sequence[Record]) -> tuple[Factors, ...]:
        """Return what ‖J_l‖²_F of each hidden layer that learns something is made of."""
        return tuple(pair for layer, record in zip(self.layers, records, strict=True) for pair in layer.factors(record))

    def squared_norms(self, records: Sequence[Record]) -> tuple[Tensor, ...]:
        """Return ‖J_l‖²_F for each layer that learns something, [N] each; of the head, last, a scalar for all rows."""
        norms = (n for layer, record in zip(self.layers, records, strict=True) for n in layer.squared_norms(record))
        return (*norms, self.head.weight.square().sum())

    @property
    def words(self) -> tuple[str, ...]:
        """Each layer in words."""
        head = self.head
        said = str(head) if isinstance(head, CumulativeHead) else f"linear {head.in_features} → {head.out_features}"
        return (*map(str, self.layers), said)


class ChainzRuleNetwork(Network):
    """Dense layers of widths n_0 → n_1 → … → n_{L-1}, then a linear head to n_L = K logits.

    Args:
        widths: n_0 … n_L, at least an input and an output.
        activation: one of `ACTIVATIONS`.
        degree: degree of a polynomial activation.
        curvature: the starting second-order coefficient of a polynomial activation, see `Polynomial`.
        ordinal: whether the K outputs are levels, behind a `CumulativeHead`.

    Raises:
        ValueError: if there are fewer than two widths, one is not positive, or the activation is unknown.
    """

    def __init__(
        self,
        widths: Sequence[int],
        activation: str = "polynomial",
        degree: int = 3,
        curvature: float = 0.5,
        ordinal: bool = False,
    ) -> None:
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"widths must be an input, hidden and an output width, all positive: got {list(widths)}")
        *hidden, outputs = widths
        super().__init__(
            [
                ChainzRuleLayer(before, after, make_activation(activation, after, degree=degree, curvature=curvature))
                for before, after in pairwise(hidden)
            ],
            (CumulativeHead if ordinal else nn.Linear)(hidden[-1], outputs),
        )

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """W_1 … W_L, each [n_l, n_{l-1}]."""
        layers = (cast("ChainzRuleLayer", layer).linear.weight for layer in self.hidden)
        return (*layers, self.head.weight)


def pull_back(layers: Sequence[Layer], records: Sequence[Record], cotangent: Tensor) -> Tensor:
    """Return the pullback of combinations of the last layer's values through all `layers`, the last one first."""
    for layer, record in zip(reversed(layers), reversed(records), strict=True):
        cotangent = layer.pullback(cotangent, record)
    return cotangent


def summary(derivatives: Tensor) -> Tensor:
    """Return the derivatives of one layer as rows of numbers: of a convolution, each channel's mean and mean square."""
    if derivatives.dim() == 2:
        return derivatives
    return torch.cat([derivatives.mean((-2, -1)), derivatives.square().mean((-2, -1))], 1)
