"""Convolutions that walk back as convolutions."""

from copy import deepcopy

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from model_export.chainzrule import ConvolutionalLayer, Network


class FlippedConvolution(ConvolutionalLayer):
    """The same layer; its transposed convolution is written as one with the kernel turned round.

    With stride 1 and zeros around, the two are the same sum, and runtimes are quicker at the latter: onnxruntime has
    a blocked layout for `Conv` and none for `ConvTranspose`.

    Args:
        layer: what to write anew; its parameters are shared.
    """

    flipped: Tensor

    def __init__(self, layer: ConvolutionalLayer) -> None:
        weight = layer.convolution.weight
        super().__init__(weight.shape[1], weight.shape[0], layer.activation, weight.shape[2])
        self.convolution = layer.convolution
        self.register_buffer("flipped", weight.detach().flip(2, 3).transpose(0, 1).contiguous())

    def transposed(self, images: Tensor) -> Tensor:
        """Return images [N, outputs, height, width] convolved with the transposed kernel."""
        return conv2d(images, self.flipped, padding=self.flipped.shape[2] // 2)


@torch.no_grad()
def flipped(network: Network) -> Network:
    """Return an equal network that walks back through convolutions by convolutions."""
    result = deepcopy(network)
    for module in list(result.modules()):
        for name, child in module.named_children():
            if type(child) is ConvolutionalLayer:
                setattr(module, name, FlippedConvolution(child))
    return result
