"""From a scorer to ONNX bytes."""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import onnx
import torch
from numpy.typing import NDArray
from onnx import ModelProto
from torch import Tensor, nn

from model_export.errors import ExportError
from model_export.graph.compact import CompactScorer, compact
from model_export.graph.regression.compact import CompactRegression, compact_regression
from model_export.graph.regression.scorer import RegressionScorer
from model_export.graph.regression.verification import check_regression_parity
from model_export.graph.scorer import Scorer
from model_export.graph.verification import check_parity

OPSET = 18
"""Old enough for the runtimes people have, new enough for the exporter to need no conversion."""

_OUTER = "outer."
"""Begins the names of inputs and outputs while the exporter invents all others."""


def export_graph(scorer: Scorer | RegressionScorer, tensor: str, usual: NDArray[Any]) -> bytes:
    """Return `scorer` (float64) as one self-contained ONNX model that is proven to agree with it.

    Args:
        scorer: what to export.
        tensor: the name of the graph's input.
        usual: raw rows to compare the two on beside made-up ones, calibration rows for one.

    Raises:
        ExportError: if the graph needs more than standard operators or does not pass ONNX's strict checker.
        VerificationError: if the graph and the scorer disagree, naming the output.
    """
    if isinstance(scorer, RegressionScorer):
        graph = write_graph(compact_regression(scorer), tensor)
        check_regression_parity(scorer, graph, usual)
    else:
        graph = write_graph(compact(scorer), tensor)
        check_parity(scorer, graph, usual)
    return graph


def write_graph(scorer: CompactScorer | CompactRegression, tensor: str) -> bytes:
    """Return `scorer` (float32) as one self-contained ONNX model, well-formed but not compared with anything."""
    rows = scorer.standardiser.example(3)
    with torch.no_grad():
        names = list(scorer(rows).present())
    model = to_onnx(_Present(scorer), {tensor: rows}, ("rows",), names)
    graph: bytes = model.SerializeToString()
    return graph


def to_onnx(module: nn.Module, inputs: Mapping[str, Tensor], axes: Sequence[str], outputs: Sequence[str]) -> ModelProto:
    """Return `module` as one self-contained ONNX model of standard operators.

    Args:
        module: what to export, in evaluation mode.
        inputs: by the graph's names for them, an example of each.
        axes: names of the inputs' leading dimensions, which are dynamic; of the outputs the first one is.
        outputs: the graph's names for them.

    Raises:
        ExportError: as `check_graph` does.
    """
    dynamic = dict.fromkeys(range(len(axes)), torch.export.Dim.DYNAMIC)
    with _quiet():
        program = torch.onnx.export(
            module,
            tuple(inputs.values()),
            dynamo=True,
            dynamic_shapes=tuple(dynamic for _ in inputs),
            input_names=[f"{_OUTER}{name}" for name in inputs],
            output_names=[f"{_OUTER}{name}" for name in outputs],
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise ExportError("torch exported nothing")
    model: ModelProto = program.model_proto
    _strip(model, axes)
    _name(model, (*inputs, *outputs))
    check_graph(model)
    return model


class _Present(nn.Module):
    """The outputs that a scorer has: a graph has no place for one that is None."""

    def __init__(self, scorer: CompactScorer | CompactRegression) -> None:
        super().__init__()
        self.scorer = scorer

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.scorer(x).present().values())


def check_graph(model: ModelProto) -> None:
    """Raise ExportError unless `model` is made of standard operators, holds its own data, and is well-formed."""
    foreign = {imported.domain for imported in model.opset_import if imported.domain not in {"", "ai.onnx"}}
    if foreign or model.functions:
        raise ExportError(f"the graph needs operators outside the ONNX standard: {', '.join(sorted(foreign))}")
    outside = [t.name for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    if outside:
        raise ExportError(f"the graph keeps {', '.join(outside)} in another file")
    try:
        onnx.checker.check_model(model, full_check=True)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(f"the graph does not pass ONNX's checker: {error}") from error


def _strip(model: ModelProto, axes: Sequence[str]) -> None:
    """Drop what only the exporter's author needs, paths of the exporting machine among it, and name the axes."""
    model.producer_name, model.producer_version, model.doc_string = "chainzrule", "", ""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*model.graph.input, *model.graph.output]:
        value.doc_string = ""
        del value.metadata_props[:]
    for values, names in ((model.graph.input, axes), (model.graph.output, axes[:1])):
        for value in values:
            for dimension, name in zip(value.type.tensor_type.shape.dim, names, strict=False):
                dimension.dim_param = name
    for initializer in model.graph.initializer:
        initializer.doc_string = ""
        del initializer.metadata_props[:]


def _name(model: ModelProto, outer: Sequence[str]) -> None:
    """Give inputs and outputs their names, which the exporter may have used for inner values of its own."""
    names = {name: f"{name}.inner" for name in outer} | {f"{_OUTER}{name}": name for name in outer}
    for node in model.graph.node:
        for values in (node.input, node.output):
            values[:] = [names.get(value, value) for value in values]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.name = names.get(value.name, value.name)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes on its own internals from the user."""
    registry = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registry.level
    registry.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        registry.setLevel(level)
