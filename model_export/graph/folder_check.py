"""`chainzrule verify`: a version folder checked against itself, without the network it came from."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from google.protobuf.message import DecodeError

from model_export.errors import ExportError
from model_export.graph.consistency import check_consistency
from model_export.graph.finding import Finding, require
from model_export.graph.gradient_check import check_gradient
from model_export.graph.onnx_writer import check_graph
from model_export.graph.probes import made_up_rows
from model_export.graph.text_parts import TextParts
from service.inference.feeds import Rows
from service.inference.model import Model, Scores
from service.inputs import TableInput, text_of
from service.manifest import MODEL_FILE
from service.version_folder import read_manifest


def check_folder(folder: Path) -> Iterator[Finding]:
    """Check a version folder and yield, for each property that holds or cannot be checked, a sentence that says so.

    Its derivatives are checked against finite differences of its own probabilities: a wrong derivative is found even
    where nothing but the folder is left.

    Raises:
        ServiceError: if the manifest or a file is not as it should be, or an output is not finite.
        ExportError: if the graph is not well-formed ONNX of standard operators.
        VerificationError: if its outputs contradict each other.
    """
    manifest = read_manifest(folder)
    yield Finding("the manifest fits the schema and every file has the SHA-256 it states")
    graph = _load(folder)
    check_graph(graph)
    yield Finding("the graph is standard ONNX, holds its own data and passes the strict checker")
    model = Model.load(folder, threads=1)
    yield Finding(f"onnxruntime {onnxruntime.__version__} loads it, inputs and outputs as the manifest says")
    rows = made_up_rows(folder, model)
    parts, text = None, text_of(manifest.input)
    if text is not None:
        parts = TextParts(graph, text, manifest.input.tensor if isinstance(manifest.input, TableInput) else None)
        yield parts.check_neighbours(rows[:, -text.max_tokens :])
    scores = model.score(rows)
    yield from check_consistency(manifest, scores)
    yield _check_batches(model, rows, scores)
    yield from check_gradient(model, rows, scores, parts)


def _load(folder: Path) -> onnx.ModelProto:
    try:
        return onnx.load(folder / MODEL_FILE)
    except DecodeError as error:
        raise ExportError(f"{folder / MODEL_FILE} is not an ONNX model: {error}") from error


def _check_batches(model: Model, rows: Rows, scores: Scores) -> Finding:
    # Of texts at least one: the service never runs a graph on none.
    sizes = (0, 1, 7) if text_of(model.manifest.input) is None else (1, 7)
    for size in sizes:
        part = model.score(rows[:size])
        for name, values in part.items():
            same = values.shape == scores[name][:size].shape and np.allclose(
                values, scores[name][:size], rtol=1e-4, atol=1e-5
            )
            require(same, f"{name} of a batch of {size} is not that of the same rows in a larger one")
    return Finding(f"batches of {', '.join(map(str, sizes))} and {len(rows)} rows give the same answers")
