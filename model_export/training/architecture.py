"""Which network is to learn images."""

from dataclasses import dataclass
from typing import Literal

from model_export.chainzrule import ChainzRuleNetwork, ConvolutionalNetwork, Flatten, Network, in_words


@dataclass(frozen=True)
class Architecture:
    """A network for images, before their size and the number of classes are known.

    Args:
        kind: "convolutional", or "dense" layers on the flattened pixels.
        widths: channels of each stage, or widths of the dense hidden layers.
        activation: "polynomial", or "relu", "gelu", "silu", "tanh" for a twin to compare with.
        degree: degree of the polynomials.
        curvature: their starting second-order coefficient, see `Polynomial`.
    """

    kind: Literal["convolutional", "dense"]
    widths: tuple[int, ...]
    activation: str = "polynomial"
    degree: int = 3
    curvature: float = 0.5

    def build(self, shape: tuple[int, int, int], classes: int) -> Network:
        """Return a new network, drawn from torch's global generator, for images [N, *shape], channels first.

        Raises:
            ValueError: if the image cannot be halved as often as the stages ask for, or the activation is unknown.
        """
        if self.kind == "convolutional":
            return ConvolutionalNetwork(shape, self.widths, classes, self.activation, self.degree, self.curvature)
        channels, height, width = shape
        pixels = channels * height * width
        dense = ChainzRuleNetwork((pixels, *self.widths, classes), self.activation, self.degree, self.curvature)
        return Network([Flatten(shape), *dense.layers], dense.head)

    @property
    def activation_in_words(self) -> str:
        """The activation as the manifest names it."""
        return in_words(self.activation, self.degree)
