"""The activations that can be recognised."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from model_export.chainzrule import ACTIVATIONS, Activation, make_activation
from model_export.conversion.steps import Curve
from model_export.errors import ConversionError

_MODULES: tuple[type[nn.Module], ...] = (
    nn.ReLU,
    nn.GELU,
    nn.SiLU,
    nn.Tanh,
    nn.Sigmoid,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.PReLU,
    nn.ELU,
    nn.SELU,
    nn.CELU,
    nn.Mish,
    nn.Softplus,
    nn.Hardswish,
    nn.Hardtanh,
    nn.Hardsigmoid,
)

_FUNCTIONS: Mapping[Callable[..., Tensor], str] = {
    torch.relu: "relu",
    torch.relu_: "relu",
    functional.relu: "relu",
    functional.relu_: "relu",
    functional.gelu: "gelu",
    functional.silu: "silu",
    torch.tanh: "tanh",
    functional.tanh: "tanh",
    torch.sigmoid: "sigmoid",
    functional.sigmoid: "sigmoid",
    functional.relu6: "relu6",
    functional.leaky_relu: "leakyrelu",
    functional.elu: "elu",
    functional.selu: "selu",
    functional.celu: "celu",
    functional.mish: "mish",
    functional.softplus: "softplus",
    functional.hardswish: "hardswish",
    functional.hardtanh: "hardtanh",
    functional.hardsigmoid: "hardsigmoid",
}

_METHODS = {"relu": torch.relu, "relu_": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}

KNOWN = ", ".join(module.__name__ for module in _MODULES)
"""The modules, in words."""


def curve_of_module(path: str, module: nn.Module, width: int) -> Curve | None:
    """Return the activation that a module is, or None if it is none."""
    if not isinstance(module, _MODULES):
        return None
    name = type(module).__name__.lower()
    if isinstance(module, nn.GELU) and module.approximate != "none":
        name = f"gelu by {module.approximate}"
    return Curve(path, name, module, width)


def curve_of_function(
    path: str, target: Callable[..., Tensor] | str, options: Mapping[str, object], width: int
) -> Curve | None:
    """Return the activation that a function or a tensor's method is, with its options, or None if it is none."""
    if isinstance(target, str):
        method = _METHODS.get(target)
        return None if method is None else Curve(path, target.rstrip("_"), method, width)
    if target not in _FUNCTIONS:
        return None
    function = target
    kept = {key: value for key, value in options.items() if key != "inplace"}
    name = _FUNCTIONS[function]
    if kept.get("approximate", "none") != "none":
        name = f"gelu by {kept['approximate']}"
    return Curve(path, name, lambda z: function(z, **kept), width)


def exact_activation(curve: Curve) -> Activation:
    """Return an activation as the library has it, with its analytic derivative.

    Raises:
        ConversionError: if the library does not have it.
    """
    if curve.name not in ACTIVATIONS:
        kept = ", ".join(ACTIVATIONS[1:])
        raise ConversionError(
            f"{curve.path}: {curve.name} cannot be kept, for its derivative is not known here (kept are {kept}): "
            "let a cubic be fitted to it"
        )
    return make_activation(curve.name, curve.width)
