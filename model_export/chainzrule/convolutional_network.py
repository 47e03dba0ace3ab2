"""A small residual network for images."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from model_export.chainzrule.activation import make_activation
from model_export.chainzrule.convolution import ConvolutionalLayer
from model_export.chainzrule.layer import Layer
from model_export.chainzrule.network import Network
from model_export.chainzrule.normalisation import Normalised
from model_export.chainzrule.pooling import AveragePool, GlobalAveragePool
from model_export.chainzrule.residual import Residual
from model_export.chainzrule.tangents import Tangents


class ConvolutionalNetwork(Network):
    """Stages of convolutions at falling resolution, for images [N, channels, height, width].

    Each stage widens by one convolution and has a residual block of two more; between stages an average over squares of
    side 2. A mean over the image and a linear head end it. Every convolution is 3 × 3, batch-normalised, with an
    activation a channel; a polynomial goes on as its tangents beyond two deviations.

    Args:
        shape: channels, height and width of an image.
        channels: of each stage.
        classes: K.
        activation: one of `ACTIVATIONS`.
        degree: degree of a polynomial activation.
        curvature: its starting second-order coefficient, see `Polynomial`.

    Raises:
        ValueError: if there is no stage, or the image cannot be halved between them.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        channels: Sequence[int] = (16, 32, 64),
        classes: int = 10,
        activation: str = "polynomial",
        degree: int = 3,
        curvature: float = 0.5,
    ) -> None:
        inputs, height, width = shape
        halvings = 2 ** (len(channels) - 1)
        if not channels or height % halvings or width % halvings:
            raise ValueError(
                f"{len(channels)} stages halve the image {max(len(channels) - 1, 0)} times, which {height} × {width} "
                "does not allow: give at least one, and no more than the size allows"
            )

        def layer(before: int, after: int) -> Layer:
            curve = make_activation(activation, after, degree=degree, curvature=curvature)
            if activation == "polynomial":
                curve = Tangents(curve)
            return ConvolutionalLayer(before, after, Normalised(after, curve))

        hidden: list[Layer] = []
        for stage, (before, after) in enumerate(pairwise((inputs, *channels))):
            if stage:
                hidden.append(AveragePool())
            hidden += [layer(before, after), Residual([layer(after, after), layer(after, after)])]
        hidden.append(GlobalAveragePool(height // halvings, width // halvings))
        super().__init__(hidden, nn.Linear(channels[-1], classes))
