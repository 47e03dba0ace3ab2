"""Convolutions of any geometry."""

from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d

from model_export.chainzrule.activation import Activation
from model_export.chainzrule.convolution import ConvolutionalLayer
from model_export.chainzrule.layer import Factors
from model_export.chainzrule.windows import Windows


class StridedConvolution(ConvolutionalLayer):
    """h = φ(W ∗ x + b) as `ConvolutionalLayer`, with any stride, padding of zeros, dilation and groups.

    The images' size must be known: a stride makes the same h of images of several sizes.

    Args:
        inputs: channels of x.
        outputs: channels of h.
        activation: a module returning value and derivative.
        windows: where the kernel lies.
        groups: into which the channels are parted; as many as inputs make it depthwise.
    """

    def __init__(self, inputs: int, outputs: int, activation: Activation, windows: Windows, groups: int = 1) -> None:
        super().__init__(inputs, outputs, activation)
        self.convolution = nn.Conv2d(
            inputs, outputs, windows.kernel, windows.stride, windows.padding, windows.dilation, groups
        )
        self.windows = windows
        self.groups = groups

    def factors(self, record: Tensor) -> tuple[Factors, ...]:
        """Return d at each place, and there the squared weights of the taps that lie within the image."""
        windows, weight = self.windows, self.convolution.weight
        everywhere = weight.new_ones(1, self.convolution.in_channels, *windows.size)
        taps = conv2d(everywhere, weight.square(), None, windows.stride, windows.padding, windows.dilation, self.groups)
        return ((record.flatten(1), taps.flatten()),)

    def transposed(self, images: Tensor) -> Tensor:
        """Return images [N, outputs, places down, places across] convolved with the transposed kernel."""
        windows = self.windows
        return conv_transpose2d(
            images,
            self.convolution.weight,
            None,
            windows.stride,
            windows.padding,
            windows.rest,
            self.groups,
            windows.dilation,
        )

    def __str__(self) -> str:
        grouped = "" if self.groups == 1 else f", {self.groups} groups"
        channels = f"{self.convolution.in_channels} → {self.convolution.out_channels}"
        return f"convolution {self.windows}{grouped}, {channels}"
