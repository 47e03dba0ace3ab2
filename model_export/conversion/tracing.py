"""A torch module as a graph of its operations, with the shape of every value."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, fx, nn

from model_export.errors import ConversionError


def trace_module(module: nn.Module, rows: Tensor) -> fx.GraphModule:
    """Return the operations of `module`, as evaluated, in float32.

    The `meta["shape"]` of a node is the shape that its value has for `rows`. Modules of torch itself stay whole, but
    containers and all others are looked into.

    Args:
        module: left as it is.
        rows: a few rows that it takes.

    Raises:
        ConversionError: if it decides by values or shapes what it computes, or does not take the rows.
    """
    copied = deepcopy(module).cpu().float().eval().requires_grad_(False)
    tracer = _Tracer()
    try:
        graph = tracer.trace(copied)
    except Exception as error:  # whatever the module's own code raises when it is given no real tensor
        raise ConversionError(
            f"{tracer.failed or 'the network'} cannot be followed: {_one_line(error)}. Its forward must be the same "
            "operations for all rows: write `if`, loops and numbers that depend on values out of it, or convert "
            "the part that is a chain of layers"
        ) from error
    traced = fx.GraphModule(copied, graph)
    try:
        with torch.no_grad():
            _Shapes(traced).run(rows)
    except Exception as error:
        raise ConversionError(
            f"the network does not take rows of shape {list(rows.shape[1:])}: {_one_line(error)}"
        ) from error
    return traced


def path_of(node: fx.Node) -> str:
    """Return where in the network a node stands, as `features.3.attention`, its operation behind it in brackets."""
    if node.op == "call_module":
        kind = type(_module(node)).__name__
        return f"{node.target} ({kind})"
    inside = list(node.meta.get("nn_module_stack") or {})
    operation = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    return f"{inside[-1] if inside else 'the network itself'} ({operation})"


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """Return the shape of a node's value for one row.

    Raises:
        ConversionError: if it is no tensor.
    """
    shape = node.meta.get("shape")
    if shape is None:
        raise ConversionError(f"{path_of(node)} is no tensor: only layers on tensors can be converted")
    return tuple(shape[1:])


def _module(node: fx.Node) -> nn.Module:
    owner = node.graph.owning_module
    assert owner is not None, "a traced graph has its module"  # noqa: S101 - for the type checker
    return owner.get_submodule(str(node.target))


class _Tracer(fx.Tracer):
    """Remembers in which module tracing failed."""

    failed = ""

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception:
            self.failed = self.failed or self.path_of_module(m)
            raise


class _Shapes(fx.Interpreter):
    """Runs the graph and notes the shapes."""

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, Tensor):
            n.meta["shape"] = tuple(value.shape)
        return value


def _one_line(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0].rstrip(".")
