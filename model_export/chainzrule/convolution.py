"""A convolution whose channels have an activation each."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d

from model_export.chainzrule.activation import Activation, is_straight
from model_export.chainzrule.layer import Factors, Layer


class ConvolutionalLayer(Layer):
    """h = φ(W ∗ x + b) on images [N, channels, height, width], stride 1, zeros around so that the size stays.

    Its record is d = φ'(W ∗ x + b) at every place. As a matrix, its Jacobian has a row for each channel and place, the
    kernel's taps times d there; taps that fall into the zeros around the image have no column.

    Args:
        inputs: channels of x.
        outputs: channels of h.
        activation: a module returning value and derivative; a polynomial has one set of coefficients a channel.
        kernel: side of the kernel, odd.

    Raises:
        ValueError: if the kernel's side is even.
    """

    def __init__(self, inputs: int, outputs: int, activation: Activation, kernel: int = 3) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"a kernel of side {kernel} has no middle: give an odd one")
        self.convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        self.activation = activation

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return h and d, both [N, outputs, height, width], for x [N, inputs, height, width]."""
        value, derivative = self.activation(self.convolution(x))
        return value, derivative

    def pullback(self, cotangent: Tensor, record: Tensor) -> Tensor:
        """Return u ⊙ d, convolved with the transposed kernel."""
        return over_rows(self.transposed, cotangent * record)

    def factors(self, record: Tensor) -> tuple[Factors, ...]:
        """Return d at each place, and the squared norms of the taps there that lie within the image."""
        weight = self.convolution.weight
        everywhere = weight.new_ones(1, weight.shape[1], *record.shape[-2:])
        taps = conv2d(everywhere, weight.square(), padding=self.convolution.padding)
        return ((record.flatten(1), taps.flatten()),)

    def derivatives(self, record: Tensor) -> tuple[Tensor, ...]:
        """Return d, or nothing without an activation."""
        return () if is_straight(self.activation) else (record,)

    def transposed(self, images: Tensor) -> Tensor:
        """Return images [N, outputs, height, width] convolved with the transposed kernel."""
        transposed: Tensor = conv_transpose2d(images, self.convolution.weight, padding=self.convolution.padding)  # type: ignore[arg-type]
        return transposed

    def __str__(self) -> str:
        side = self.convolution.kernel_size[0]
        return f"convolution {side}×{side}, {self.convolution.in_channels} → {self.convolution.out_channels}"


def over_rows(function: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Return a function of images [N, C, H, W] for images that more dimensions may stand before, [K', N, C, H, W]."""
    if images.dim() == 4:
        return function(images)
    values = function(images.flatten(0, -4))
    return values.reshape(*images.shape[:-3], *values.shape[1:])
