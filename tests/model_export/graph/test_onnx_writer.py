"""torch against onnxruntime, values and derivatives, over batch sizes, activations and both kinds of Jacobian."""

import logging
from copy import deepcopy

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch

from model_export.errors import ExportError, VerificationError
from model_export.graph.calibration import Calibration, calibrate
from model_export.graph.compact import compact
from model_export.graph.onnx_writer import OPSET, check_graph, export_graph, write_graph
from model_export.graph.verification import TOLERANCE, check_parity
from model_export.training import ChainzRuleClassifier
from model_export.training.standardiser import Standardiser
from service.manifest import OUTPUTS, JacobianKind
from tests.conftest import make_table
from tests.onnx_edit import change_output

Table = tuple[pd.DataFrame, "pd.Series[str]"]

USUAL = make_table(300, seed=2)[0].to_numpy(np.float32)


@pytest.fixture(scope="module")
def graph(calibration: Calibration) -> bytes:
    return export_graph(calibration.scorer, "features", USUAL)


@pytest.mark.parametrize("rows", [0, 1, 7, 5000])
def test_onnxruntime_answers_as_torch_does_at_every_batch_size(
    graph: bytes, calibration: Calibration, rows: int
) -> None:
    table = make_table(max(rows, 1), seed=9)[0].to_numpy(dtype=np.float32, copy=True)[:rows]
    session = onnxruntime.InferenceSession(graph)
    found = session.run(None, {"features": table})
    expected = calibration.scorer(torch.from_numpy(table).double()).present()
    for (name, wanted), got in zip(expected.items(), found, strict=True):
        assert got.shape == wanted.shape, name
        np.testing.assert_allclose(got, wanted.numpy(), rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)


@pytest.mark.parametrize("kind", ["margin", "full"])
@pytest.mark.parametrize("settings", [{"activation": "gelu"}, {"activation": "tanh"}, {"degree": 2}, {"degree": 4}])
def test_other_activations_and_degrees_export_too(
    table: Table, settings: dict[str, object], kind: JacobianKind
) -> None:
    fitted = ChainzRuleClassifier((8,), max_epochs=5, random_state=0).set_params(**settings).fit(*table)
    scorer = calibrate(fitted, table[0], *make_table(100, seed=2), jacobian=kind).scorer
    export_graph(scorer, "features", USUAL)


def test_is_standard_self_contained_and_dynamic_in_the_batch(graph: bytes) -> None:
    model = onnx.load_from_string(graph)
    check_graph(model)
    assert [(imported.domain, imported.version) for imported in model.opset_import] == [("", OPSET)]
    assert [value.name for value in model.graph.output] == [output.name for output in OUTPUTS]
    for value in [*model.graph.input, *model.graph.output]:
        assert value.type.tensor_type.shape.dim[0].dim_param == "rows"


def test_carries_nothing_of_the_exporting_machine(graph: bytes) -> None:
    model = onnx.load_from_string(graph)
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    assert b"site-packages" not in graph
    assert b".py" not in graph


def test_loads_without_a_warning(graph: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 2
    onnxruntime.InferenceSession(graph, options)
    assert capfd.readouterr() == ("", "")


def test_exporting_is_quiet_and_deterministic(
    graph: bytes, calibration: Calibration, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert write_graph(compact(calibration.scorer), "features") == graph
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


@pytest.mark.parametrize("name", [output.name for output in OUTPUTS if output.name != "label"])
def test_an_output_that_differs_is_named(calibration: Calibration, name: str) -> None:
    broken = onnx.load_from_string(write_graph(compact(calibration.scorer), "features"))
    change_output(broken, name, "Mul", 1.001)
    with pytest.raises(VerificationError, match=f"{name} differs between torch and onnxruntime by .* on usual rows"):
        check_parity(calibration.scorer, broken.SerializeToString(), USUAL)


def test_an_output_that_is_not_finite_is_named(calibration: Calibration) -> None:
    wild = deepcopy(calibration.scorer)
    assert isinstance(wild.standardiser, Standardiser)
    wild.standardiser.clamp = 1e30
    with pytest.raises(VerificationError, match="not finite on rows at the clamp"):
        export_graph(wild, "features", USUAL)


def test_foreign_operators_external_data_and_malformed_graphs_are_refused(graph: bytes) -> None:
    foreign = onnx.load_from_string(graph)
    foreign.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    with pytest.raises(ExportError, match=r"outside the ONNX standard: com\.microsoft"):
        check_graph(foreign)
    outside = onnx.load_from_string(graph)
    outside.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    with pytest.raises(ExportError, match="in another file"):
        check_graph(outside)
    cut = onnx.load_from_string(graph)
    del cut.graph.node[0]
    with pytest.raises(ExportError, match="does not pass ONNX's checker"):
        check_graph(cut)
