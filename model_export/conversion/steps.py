"""What a network's operations are, before they become layers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor, nn

from model_export.chainzrule import Layer


@dataclass(frozen=True)
class Weighted:
    """A dense layer or a convolution without its activation.

    Args:
        path: in the network.
        module: with its weights.
        shape: of the row that it takes.
    """

    path: str
    module: nn.Linear | nn.Conv2d
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Normalisation:
    """Batch normalisation.

    Args:
        path: in the network.
        module: with its statistics.
    """

    path: str
    module: nn.BatchNorm1d | nn.BatchNorm2d


@dataclass(frozen=True)
class Curve:
    """An activation.

    Args:
        path: in the network.
        name: of its kind, in lower case.
        function: its value; elementwise.
        width: neurons or channels.
    """

    path: str
    name: str
    function: Callable[[Tensor], Tensor]
    width: int


@dataclass(frozen=True)
class Ready:
    """Something that is a layer by itself.

    Args:
        layer: what it is.
    """

    layer: Layer


@dataclass(frozen=True)
class Addition:
    """Two ways from one value that are added; either may be empty, and is the value itself then.

    Args:
        through: the longer one.
        around: the other.
    """

    through: "tuple[Step, ...]"
    around: "tuple[Step, ...]"


Step: TypeAlias = Weighted | Normalisation | Curve | Ready | Addition
