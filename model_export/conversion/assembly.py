"""From steps to the library's layers."""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from model_export.chainzrule import (
    Activation,
    ActivationLayer,
    ChainzRuleLayer,
    ConvolutionalLayer,
    Flatten,
    GlobalAveragePool,
    Layer,
    Normalised,
    Residual,
    Straight,
    StridedConvolution,
    Windows,
)
from model_export.chainzrule.pooling import AveragePool
from model_export.conversion.steps import Addition, Curve, Normalisation, Ready, Step, Weighted

Make = Callable[[Curve], Activation]
"""What becomes of an activation."""


def assemble(steps: Sequence[Step], make: Make) -> list[Layer]:
    """Return the layers that `steps` are: weights, normalisation and activation in a row are one."""
    layers: list[Layer] = []
    waiting = list(steps)
    while waiting:
        step = waiting.pop(0)
        match step:
            case Ready(layer):
                layers.append(layer)
            case Addition(through, around):
                layers.append(Residual(assemble(through, make), assemble(around, make)))
            case Weighted():
                layers.append(_weighted(step, _activation(waiting, make)))
            case Curve() | Normalisation():
                words = step.name if isinstance(step, Curve) else "batch normalisation"
                waiting.insert(0, step)
                layers.append(ActivationLayer(_activation(waiting, make), words))
    return _pooled(layers)


def _activation(waiting: list[Step], make: Make) -> Activation:
    """Return the normalisation and the activation that come next, which are taken away."""
    normalisation = waiting.pop(0) if waiting and isinstance(waiting[0], Normalisation) else None
    curve = waiting.pop(0) if waiting and isinstance(waiting[0], Curve) else None
    activation = Straight() if curve is None else make(cast("Curve", curve))
    return activation if normalisation is None else _normalised(cast("Normalisation", normalisation), activation)


@torch.no_grad()
def _normalised(step: Normalisation, activation: Activation) -> Normalised:
    module = step.module
    result = Normalised(module.num_features, activation, module.eps)
    result.mean.copy_(cast("Tensor", module.running_mean))
    result.variance.copy_(cast("Tensor", module.running_var))
    if module.affine:
        result.gain.copy_(module.weight)
        result.shift.copy_(module.bias)
    return result


@torch.no_grad()
def _weighted(step: Weighted, activation: Activation) -> Layer:
    module = step.module
    layer: ChainzRuleLayer | ConvolutionalLayer
    if isinstance(module, nn.Linear):
        layer = ChainzRuleLayer(module.in_features, module.out_features, activation)
        copy_weights(module, layer.linear)
        return layer
    inputs, outputs = module.in_channels, module.out_channels
    windows = windows_of(module, step.shape)
    (side, other), padding = windows.kernel, windows.padding
    same = side == other and side % 2 and padding == (side // 2, side // 2)
    if same and windows.stride == windows.dilation == (1, 1) and module.groups == 1:
        layer = ConvolutionalLayer(inputs, outputs, activation, side)
    else:
        layer = StridedConvolution(inputs, outputs, activation, windows, module.groups)
    copy_weights(module, layer.convolution)
    return layer


def windows_of(module: nn.Conv2d, shape: tuple[int, ...]) -> Windows:
    """Return where a convolution's kernel lies on rows of this shape; padding by name is "same" or "valid"."""
    kernel, stride, dilation = (
        cast("tuple[int, int]", pair) for pair in (module.kernel_size, module.stride, module.dilation)
    )
    padding = module.padding
    if padding == "same":
        down, across = (step * (side - 1) // 2 for side, step in zip(kernel, dilation, strict=True))
        padding = (down, across)
    elif padding == "valid":
        padding = (0, 0)
    return Windows((shape[1], shape[2]), kernel, stride, cast("tuple[int, int]", padding), dilation)


@torch.no_grad()
def copy_weights(source: nn.Linear | nn.Conv2d, target: nn.Linear | nn.Conv2d) -> None:
    """Copy weight and bias; what has no bias has one of zeros."""
    target.weight.copy_(source.weight)
    bias = cast("Tensor", target.bias)
    bias.zero_() if source.bias is None else bias.copy_(source.bias)


def _pooled(layers: list[Layer]) -> list[Layer]:
    """Write a mean over the whole image that is flattened as one layer."""
    result: list[Layer] = []
    for layer in layers:
        last = result[-1] if result else None
        if isinstance(layer, Flatten) and isinstance(last, AveragePool) and layer.shape[1:] == (1, 1):
            result[-1] = GlobalAveragePool(*last.sides)
        else:
            result.append(layer)
    return result
