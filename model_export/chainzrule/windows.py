"""Where windows lie that slide over images."""

from typing import NamedTuple

Pair = tuple[int, int]
"""Down and across."""


class Windows(NamedTuple):
    """Windows over images of one size, as `torch.nn.Conv2d` places them; pairs are down and across."""

    size: Pair
    """height and width of the images"""
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    """rows and columns around the image, on either side"""
    dilation: Pair = (1, 1)

    @property
    def extent(self) -> Pair:
        """How far a window reaches."""
        down, across = (dilation * (side - 1) + 1 for side, dilation in zip(self.kernel, self.dilation, strict=True))
        return down, across

    @property
    def places(self) -> Pair:
        """How many windows there are."""
        down, across = (
            (size + 2 * padding - extent) // stride + 1
            for size, padding, extent, stride in zip(self.size, self.padding, self.extent, self.stride, strict=True)
        )
        return down, across

    @property
    def rest(self) -> Pair:
        """Rows and columns behind the last window: the output padding of a transposed convolution."""
        down, across = (
            (size + 2 * padding - extent) % stride
            for size, padding, extent, stride in zip(self.size, self.padding, self.extent, self.stride, strict=True)
        )
        return down, across

    def __str__(self) -> str:
        words = [_by(self.kernel)]
        if self.stride != (1, 1):
            words.append(f"stride {_by(self.stride)}")
        if self.dilation != (1, 1):
            words.append(f"dilation {_by(self.dilation)}")
        return ", ".join(words)


def _by(pair: Pair) -> str:
    return f"{pair[0]}×{pair[1]}"
