"""The model that everyone serves, its plain graph, and rows to ask with."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx.utils import Extractor

from service.inputs import Feature
from service.manifest import MODEL_FILE, Manifest
from service.version_folder import read_manifest
from tests.benchmarks.serving.protocols import PLAIN, Asked
from tests.benchmarks.serving.questions import Outputs

REPOSITORY = Path("deploy/models")
VERSION = REPOSITORY / "pima" / "1"


def write_plain_graph(folder: Path, target: Path) -> None:
    """Write the graph of a version folder cut down to `label` and `probabilities`: what a peer would serve."""
    model = onnx.load(folder / MODEL_FILE)
    inputs = [value.name for value in model.graph.input]
    onnx.save(Extractor(model).extract_model(inputs, list(PLAIN)), target)


def open_session(graph: Path) -> onnxruntime.InferenceSession:
    """Return a session of one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options)


def run(session: onnxruntime.InferenceSession, feed: Outputs) -> Outputs:
    """Return every output by name."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def made_up_rows(manifest: Manifest, count: int) -> NDArray[np.float32]:
    """Return rows [count, features] as the model met them in training: normal, within the training range, none missing.

    Three decimals, as measurements have.
    """
    features = [feature for feature in manifest.table.features if isinstance(feature, Feature)]
    generator = np.random.default_rng(8)
    drawn = generator.normal(
        [f.mean for f in features], [f.standard_deviation for f in features], (count, len(features))
    )
    return drawn.clip([f.minimum for f in features], [f.maximum for f in features]).round(3).astype(np.float32)


def ask_rows(count: int) -> Asked:
    """Return so many rows with onnxruntime's own answer."""
    manifest = read_manifest(VERSION)
    rows = made_up_rows(manifest, count)
    return Asked(manifest, rows, run(open_session(VERSION / MODEL_FILE), {manifest.table.tensor: rows}))
