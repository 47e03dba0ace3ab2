"""Breaking an exported graph on purpose."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import ArrayLike

from service.manifest import MANIFEST_FILE, MODEL_FILE


def alter(folder: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    """Change the graph and let the manifest agree with it, as a faulty exporter would."""
    model = onnx.load(folder / MODEL_FILE)
    change(model)
    (folder / MODEL_FILE).write_bytes(model.SerializeToString())
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    manifest["files"][MODEL_FILE] = sha256((folder / MODEL_FILE).read_bytes()).hexdigest()
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest))


def change_output(model: onnx.ModelProto, output: str, operator: str, constant: ArrayLike) -> None:
    """Put `operator` with a constant, float32 unless it is an array, between an output and what made it."""
    before, operand = f"{output} before", f"{output} {operator}"
    value = constant if isinstance(constant, np.ndarray) else np.array(constant, dtype=np.float32)
    rename(model, output, before)
    model.graph.initializer.append(onnx.numpy_helper.from_array(value, operand))
    model.graph.node.append(onnx.helper.make_node(operator, [before, operand], [output]))


def rename(model: onnx.ModelProto, tensor: str, name: str) -> None:
    """Call a tensor `name` where it is made and wherever it is taken."""
    for node in model.graph.node:
        node.output[:] = [name if other == tensor else other for other in node.output]
        node.input[:] = [name if other == tensor else other for other in node.input]
