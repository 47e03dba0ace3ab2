import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from service.errors import InvalidModelError, NonFiniteOutputError
from service.inference.model import Model
from service.manifest import MODEL_FILE, OUTPUTS
from service.version_folder import digest
from tests.conftest import Exported, make_table
from tests.onnx_edit import change_output


@pytest.fixture
def folder(exported: Exported, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported.folder, tmp_path / "plant" / "1"))


def replace_graph(folder: Path, graph: bytes) -> None:
    """Replace the graph and let the manifest agree with it."""
    manifest = (folder / "manifest.json").read_text()
    before = digest(folder / MODEL_FILE)
    (folder / MODEL_FILE).write_bytes(graph)
    (folder / "manifest.json").write_text(manifest.replace(before, digest(folder / MODEL_FILE)))


def test_scores_every_output_of_every_row(exported: Exported) -> None:
    model = Model.load(exported.folder, threads=1)
    rows = make_table(40, seed=4)[0].to_numpy(np.float32)
    scores = model.score(rows)
    assert list(scores) == [output.name for output in OUTPUTS]
    assert all(len(values) == 40 for values in scores.values())
    for size in (0, 1, 7):
        for name, values in model.score(rows[:size]).items():
            np.testing.assert_allclose(values, scores[name][:size], rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_graph_that_is_not_onnx_is_refused(folder: Path) -> None:
    replace_graph(folder, b"not a graph")
    with pytest.raises(InvalidModelError, match="onnxruntime does not load its graph"):
        Model.load(folder, threads=1)


@pytest.mark.parametrize("fault", ["missing output", "extra output", "renamed input", "wrong width", "fixed batch"])
def test_a_graph_that_is_not_what_its_manifest_says_is_refused(folder: Path, fault: str) -> None:
    model = onnx.load(folder / MODEL_FILE)
    graph = model.graph
    match fault:
        case "missing output":
            del graph.output[-1]
        case "extra output":
            name = graph.node[0].output[0]
            graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.BOOL, ["rows", 4]))
        case "renamed input":
            for node in graph.node:
                node.input[:] = ["other" if name == "features" else name for name in node.input]
            graph.input[0].name = "other"
        case "wrong width":
            graph.output[-1].type.tensor_type.shape.dim[1].dim_value = 5
        case "fixed batch":
            graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    replace_graph(folder, model.SerializeToString())
    with pytest.raises(InvalidModelError, match=r"inputs and outputs are not what the manifest says|does not load"):
        Model.load(folder, threads=1)


def test_a_graph_that_cannot_answer_its_own_example_is_refused(folder: Path) -> None:
    graph = onnx.load(folder / MODEL_FILE)
    change_output(graph, "reliability", "Add", float("nan"))
    replace_graph(folder, graph.SerializeToString())
    with pytest.raises(InvalidModelError, match=r"does not run on the manifest's example: .*reliability that is not"):
        Model.load(folder, threads=1)


def test_an_answer_that_is_not_finite_is_an_error_not_an_answer(exported: Exported) -> None:
    model = Model.load(exported.folder, threads=1)
    infinite = np.full((1, 4), np.inf, dtype=np.float32)
    assert np.isfinite(model.score(infinite)["reliability"]).all()
    with pytest.raises(NonFiniteOutputError, match="plant version 1 answered with a reliability"):
        _Faulty(model).score(infinite)


class _Faulty(Model):
    """A model whose session answers with a NaN."""

    def __init__(self, model: Model) -> None:
        self.manifest = model.manifest
        self._feed = model._feed
        self._outputs = ["reliability"]
        self._session = self

    def run(self, *_: object) -> list[NDArray[np.float32]]:
        return [np.array([np.nan], dtype=np.float32)]
