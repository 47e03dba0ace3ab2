"""Which layer an operation of a traced network is."""

import operator
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, cast

import torch
from torch import fx, nn
from torch.nn import functional

from model_export.chainzrule import (
    AveragePool,
    AverageWindows,
    Flatten,
    GlobalAveragePool,
    Layer,
    LayerNormalisation,
    MaxPool,
    Windows,
)
from model_export.conversion.curves import KNOWN, curve_of_function, curve_of_module
from model_export.conversion.steps import Normalisation, Ready, Step, Weighted
from model_export.conversion.tracing import path_of, shape_of
from model_export.errors import ConversionError

ADDITIONS = (operator.add, operator.iadd, torch.add, "add", "add_")

_NOTHING = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout, nn.Identity)
_NO_FUNCTIONS = (functional.dropout, functional.dropout2d, functional.alpha_dropout, "contiguous", "clone")
_FLATTENING = (torch.flatten, torch.reshape, "flatten", "view", "reshape")
_MEANS = (torch.mean, "mean")

_CURE = (
    "replace it by the layers that can be converted: Linear, Conv2d, BatchNorm1d/2d, LayerNorm over whole rows, "
    f"MaxPool2d, AvgPool2d, AdaptiveAvgPool2d, Flatten, Dropout, additions, and the activations {KNOWN}; or convert "
    "the part of the network before or behind it"
)


def is_addition(node: fx.Node) -> bool:
    """Return whether a node adds two tensors."""
    return node.op in {"call_function", "call_method"} and node.target in ADDITIONS


def input_of(node: fx.Node) -> fx.Node:
    """Return the one tensor that an operation takes.

    Raises:
        ConversionError: if it takes none or several.
    """
    tensors = [taken for taken in node.all_input_nodes if "shape" in taken.meta]
    if len(tensors) != 1:
        raise _unsupported(node)
    return tensors[0]


def recognise(node: fx.Node) -> Step | None:
    """Return the step that a node of one input is, or None where it changes nothing once a network is trained.

    Raises:
        ConversionError: naming it by its path, if it is none of them.
    """
    taken = shape_of(input_of(node))
    if node.op == "call_module":
        owner = cast("fx.GraphModule", node.graph.owning_module)
        return _of_module(node, owner.get_submodule(str(node.target)), taken)
    if node.op not in {"call_function", "call_method"}:
        raise _unsupported(node)
    target, options = node.target, dict(node.kwargs)
    if target in _NO_FUNCTIONS:
        return None
    if target in _FLATTENING:
        return _flattened(node, taken)
    curve = curve_of_function(path_of(node), target, options, taken[0])
    if curve is not None:
        return curve
    if target in _MEANS:
        return _mean(node, taken)
    pooled = _POOLING.get(target) if not isinstance(target, str) else None
    if pooled is None:
        raise _unsupported(node)
    kind, names = pooled
    arguments = dict(zip(names, node.args[1:], strict=False)) | options
    return Ready(_pool(node, kind(**arguments), taken))


def _of_module(node: fx.Node, module: nn.Module, taken: tuple[int, ...]) -> Step | None:
    path = path_of(node)
    step: Step | None = None
    match module:
        case nn.Linear() if len(taken) == 1:
            step = Weighted(path, module, taken)
        case nn.Conv2d() if module.padding_mode == "zeros" and _is_centred(module):
            step = Weighted(path, module, taken)
        case nn.BatchNorm1d() | nn.BatchNorm2d() if module.track_running_stats:
            step = Normalisation(path, module)
        case nn.LayerNorm() if tuple(module.normalized_shape) == taken:
            step = Ready(_layer_normalisation(module))
        case nn.MaxPool2d() | nn.AvgPool2d() | nn.AdaptiveAvgPool2d():
            step = Ready(_pool(node, module, taken))
        case nn.Flatten():
            step = _flattened(node, taken)
        case _ if not isinstance(module, _NOTHING):
            step = curve_of_module(path, module, taken[0])
            if step is None:
                raise _unsupported(node)
    return step


def _is_centred(module: nn.Conv2d) -> bool:
    """Return whether as many zeros stand on one side of the image as on the other."""
    reach = (step * (side - 1) for side, step in zip(module.kernel_size, module.dilation, strict=True))
    return module.padding != "same" or all(extent % 2 == 0 for extent in reach)


@torch.no_grad()
def _layer_normalisation(module: nn.LayerNorm) -> Layer:
    layer = LayerNormalisation(tuple(module.normalized_shape), module.eps)
    if module.elementwise_affine:
        layer.gain.copy_(module.weight)
        if module.bias is not None:
            layer.shift.copy_(module.bias)
    return layer


_POOLING: dict[Callable[..., Any], tuple[type[nn.Module], tuple[str, ...]]] = {
    functional.max_pool2d: (
        nn.MaxPool2d,
        ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"),
    ),
    functional.avg_pool2d: (
        nn.AvgPool2d,
        ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
    ),
    functional.adaptive_avg_pool2d: (nn.AdaptiveAvgPool2d, ("output_size",)),
}
# What a user calls is a function that looks whether indices are wanted.
_POOLING[torch.max_pool2d] = _POOLING[functional.max_pool2d]


def _pool(node: fx.Node, module: nn.Module, taken: tuple[int, ...]) -> Layer:
    channels, *size = taken
    height, width = size
    if isinstance(module, nn.AdaptiveAvgPool2d):
        wanted = module.output_size
        wanted = wanted if isinstance(wanted, tuple) else (wanted, wanted)
        down, across = (want or have for want, have in zip(wanted, (height, width), strict=True))
        if height % down or width % across:
            raise ConversionError(
                f"{path_of(node)} makes {down} × {across} of {height} × {width} by rectangles of several sizes: give "
                "it an output that divides its input"
            )
        return AveragePool((height // down, width // across))
    if not isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        raise _unsupported(node)
    kernel = _pair(module.kernel_size)
    stride = kernel if module.stride is None else _pair(module.stride)
    windows = Windows((height, width), kernel, stride, _pair(module.padding))
    if isinstance(module, nn.MaxPool2d):
        windows = windows._replace(dilation=_pair(module.dilation))
        plain = not module.return_indices
    else:
        plain = module.divisor_override is None and (module.count_include_pad or windows.padding == (0, 0))
    if not plain or (module.ceil_mode and windows.places != shape_of(node)[1:]):
        raise ConversionError(
            f"{path_of(node)} is pooling of a kind that cannot be converted: use ceil_mode=False, return_indices=False "
            "and no divisor_override, and count_include_pad=True where there is padding"
        )
    if isinstance(module, nn.MaxPool2d):
        return MaxPool(channels, windows)
    if kernel == stride and windows.padding == (0, 0) and windows.rest == (0, 0):
        return AveragePool(kernel)
    return AverageWindows(channels, windows)


def _mean(node: fx.Node, taken: tuple[int, ...]) -> Step:
    """Return the mean over an image's places; only one over both is a layer."""
    made = shape_of(node)
    if len(taken) == 3 and made in {taken[:1], (taken[0], 1, 1)}:
        return Ready((GlobalAveragePool if made == taken[:1] else _whole)(taken[1], taken[2]))
    raise _unsupported(node)


def _whole(height: int, width: int) -> Layer:
    return AveragePool((height, width))


def _flattened(node: fx.Node, taken: tuple[int, ...]) -> Step | None:
    made = shape_of(node)
    if made == taken:
        return None
    if made != (prod(taken),):
        raise ConversionError(
            f"{path_of(node)} makes {list(made)} of rows of shape {list(taken)}: only flattening whole rows can be "
            "converted"
        )
    return Ready(Flatten(taken))


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    down, across = (value, value) if isinstance(value, int) else value
    return down, across


def _unsupported(node: fx.Node) -> ConversionError:
    path = path_of(node)
    cure = "let the network return its logits, without it" if "softmax" in path.lower() else _CURE
    return ConversionError(f"{path} cannot be converted: {cure}")
