"""Layers between convolutions that learn nothing."""

from math import prod

from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from model_export.chainzrule.convolution import over_rows
from model_export.chainzrule.layer import FixedLayer, Record


class AveragePool(FixedLayer):
    """The mean over squares of side 2, on images whose height and width are even."""

    def apply_to(self, x: Tensor) -> Tensor:
        """Return the means, [N, C, H / 2, W / 2]."""
        return avg_pool2d(x, 2)

    def pullback(self, cotangent: Tensor, _record: Record) -> Tensor:
        """Return a quarter of u at each place of its square."""
        return over_rows(lambda images: interpolate(images * 0.25, scale_factor=2.0, mode="nearest"), cotangent)

    def __str__(self) -> str:
        return "average pool 2×2"


class GlobalAveragePool(FixedLayer):
    """The mean of each channel over the whole image.

    Args:
        height: of the image.
        width: of the image.
    """

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def apply_to(self, x: Tensor) -> Tensor:
        """Return the means, [N, C]."""
        return x.mean((-2, -1))

    def pullback(self, cotangent: Tensor, _record: Record) -> Tensor:
        """Return u shared out evenly, [N, C, height, width]."""
        shared = (cotangent / (self.height * self.width))[..., None, None]
        return shared.expand(*cotangent.shape, self.height, self.width)

    def __str__(self) -> str:
        return "global average pool"


class Flatten(FixedLayer):
    """Rows of another shape as rows of numbers.

    Args:
        shape: of a row.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def apply_to(self, x: Tensor) -> Tensor:
        """Return the rows, [N, number of values]."""
        return x.reshape(-1, prod(self.shape))

    def pullback(self, cotangent: Tensor, _record: Record) -> Tensor:
        """Return u in the rows' own shape."""
        return cotangent.reshape(*cotangent.shape[:-1], *self.shape)

    def __str__(self) -> str:
        return f"flatten {'×'.join(map(str, self.shape))}"
