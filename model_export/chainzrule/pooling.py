"""Layers between convolutions that learn nothing."""

from math import prod

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv_transpose2d, interpolate

from model_export.chainzrule.convolution import over_rows
from model_export.chainzrule.layer import FixedLayer, Record
from model_export.chainzrule.windows import Pair, Windows


class AveragePool(FixedLayer):
    """The mean over rectangles side by side, on images that they cover.

    Args:
        sides: height and width of a rectangle.
    """

    def __init__(self, sides: Pair = (2, 2)) -> None:
        super().__init__()
        self.sides = sides

    def apply_to(self, x: Tensor) -> Tensor:
        """Return the means, [N, C, H / height, W / width]."""
        return avg_pool2d(x, self.sides)

    def pullback(self, cotangent: Tensor, _record: Record) -> Tensor:
        """Return u shared out evenly over its rectangle."""
        down, across = self.sides
        share = 1 / (down * across)
        factors = (float(down), float(across))
        return over_rows(
            lambda images: interpolate(images * share, scale_factor=factors, mode="nearest"),
            cotangent,
        )

    def __str__(self) -> str:
        return f"average pool {self.sides[0]}×{self.sides[1]}"


class AverageWindows(FixedLayer):
    """The mean over windows that may overlap, leave places out or reach into zeros around the image, which count.

    Args:
        channels: of the images.
        windows: where they lie, undilated.
    """

    kernel: Tensor

    def __init__(self, channels: int, windows: Windows) -> None:
        super().__init__()
        self.channels, self.windows = channels, windows
        self.register_buffer("kernel", torch.ones(channels, 1, *windows.kernel))

    def apply_to(self, x: Tensor) -> Tensor:
        """Return the means, [N, C, places down, places across]."""
        return avg_pool2d(x, self.windows.kernel, self.windows.stride, self.windows.padding)

    def pullback(self, cotangent: Tensor, _record: Record) -> Tensor:
        """Return u shared out evenly over its windows."""
        return over_rows(self._share_out, cotangent)

    def _share_out(self, images: Tensor) -> Tensor:
        windows = self.windows
        share = 1 / prod(windows.kernel)
        return conv_transpose2d(
            images * share, self.kernel, None, windows.stride, windows.padding, windows.rest, self.channels
        )

    def __str__(self) -> str:
        return f"average pool {self.windows}"


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
