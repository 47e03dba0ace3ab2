"""The graph of a regression against its scorer and itself: what is right passes, and what is wrong is found."""

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from model_export.errors import VerificationError
from model_export.graph.folder_check import check_folder
from model_export.graph.onnx_writer import write_graph
from model_export.graph.regression.calibration import Measured, Target, calibrate_regression
from model_export.graph.regression.compact import CompactRegression, compact_regression
from model_export.graph.regression.consistency import check_regression_consistency
from model_export.graph.regression.scorer import RegressionScorer
from model_export.graph.regression.verification import check_regression_parity
from model_export.training import ChainzRuleRegressor
from service.inference.model import Model, Scores
from service.version_folder import read_manifest
from tests.conftest import Exported, make_measured


@pytest.fixture(scope="module")
def scorer() -> RegressionScorer:
    training, held_out = make_measured(600, 1), make_measured(300, 2)
    fitted = ChainzRuleRegressor((12, 8), max_epochs=40, learning_rate=0.01, random_state=0).fit(*training)
    seen, kept = (
        Measured(table.to_numpy(np.float64), np.array(target, dtype=np.float64))
        for table, target in (training, held_out)
    )
    return calibrate_regression(fitted.standardiser_, fitted.network_, seen, kept, Target("y"), (0.1, 0.3)).scorer


@pytest.fixture(scope="module")
def usual() -> NDArray[np.float32]:
    return make_measured(300, 2)[0].to_numpy(np.float32)


def test_the_compact_form_is_the_same_function(scorer: RegressionScorer, usual: NDArray[np.float32]) -> None:
    assert not scorer.difficulty.constant
    rows = torch.from_numpy(usual).double()
    small = compact_regression(scorer).double()(rows).present()
    for name, expected in scorer(rows).present().items():
        torch.testing.assert_close(small[name], expected, rtol=1e-4, atol=1e-4, msg=name)


def test_sensitivity_is_the_gradient_of_the_value(scorer: RegressionScorer, usual: NDArray[np.float32]) -> None:
    rows = torch.from_numpy(np.nan_to_num(usual[:20])).double().requires_grad_()
    scores = scorer(rows)
    scores.value.sum().backward()
    assert rows.grad is not None
    deviation = scorer.standardiser.deviation
    torch.testing.assert_close(scores.sensitivity, rows.grad * deviation)
    torch.testing.assert_close(scores.jacobian_norm, (rows.grad * deviation).norm(dim=1))


def test_every_output_is_finite_and_every_width_bounded_however_far_the_row(scorer: RegressionScorer) -> None:
    far = torch.tensor([[1e30, -1e30, 1e30, 1e30], [torch.nan] * 4, [-3e38] * 4], dtype=torch.float64)
    for name, output in compact_regression(scorer).double()(far).present().items():
        assert torch.isfinite(output).all(), name


def scale(name: str, factor: float) -> Callable[[CompactRegression], object]:
    return lambda compact: setattr(compact, name, getattr(compact, name) * factor)


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (lambda compact: compact.bias.add_(0.05), "value differs"),
        (scale("log_quantile", 1.01), "lower differs"),
        (scale("rarity", 1.001), "tail_ratio differs"),
        (scale("slope", 1.05), "reliability differs"),
        (lambda compact: compact.strangeness.steps[:-1].mul_(1.1), "typicality differs"),
        (lambda compact: compact.difficulty.weights.mul_(1.02), "lower differs"),
    ],
)
def test_a_graph_with_a_fault_is_found(
    scorer: RegressionScorer, usual: NDArray[np.float32], fault: Callable[[CompactRegression], object], complaint: str
) -> None:
    check_regression_parity(scorer, write_graph(compact_regression(scorer), "features"), usual)
    faulty = deepcopy(compact_regression(scorer))
    fault(faulty)
    with pytest.raises(VerificationError, match=complaint):
        check_regression_parity(scorer, write_graph(faulty, "features"), usual)


def test_an_exported_folder_passes_every_check_and_says_what_it_predicts(regression: Exported) -> None:
    findings = list(check_folder(regression.folder))
    assert all(finding.checked for finding in findings), findings
    assert any("the gradient of the value" in finding.text for finding in findings)
    manifest = read_manifest(regression.folder)
    assert (manifest.task, manifest.classes, manifest.predicted.target) == ("regression", (), "yield")
    figures = manifest.evaluation.regression
    assert figures is not None
    assert figures.r2 is not None
    assert figures.r2 > 0.5
    assert figures.coverage == pytest.approx(0.9, abs=0.06)
    assert figures.interval_score < figures.constant_interval_score
    graph = onnx.load(regression.folder / "model.onnx")
    assert {imported.domain for imported in graph.opset_import} <= {"", "ai.onnx"}


def spoil(scores: Scores, name: str, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Scores:
    return {**scores, name: change(scores[name])}


@pytest.mark.parametrize(
    ("name", "change", "complaint"),
    [
        ("value", lambda values: values + 0.1, "value is not in the middle"),
        ("jacobian_norm", lambda values: values * 1.01, "jacobian_norm is not that of sensitivity"),
        ("tail_ratio", lambda values: values * 1.01, "tail_ratio is not jacobian_norm over its mean"),
        ("typicality", lambda values: values * 0, "typicality leaves the range"),
        ("reliability", lambda values: values * 0.9, "reliability is not what the manifest's weights"),
    ],
)
def test_outputs_that_contradict_each_other_are_found(
    regression: Exported,
    name: str,
    change: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    complaint: str,
) -> None:
    model = Model.load(regression.folder, threads=1)
    scores = model.score(make_measured(200, 8)[0].to_numpy(np.float32))
    assert list(check_regression_consistency(model.manifest, scores))
    with pytest.raises(VerificationError, match=complaint):
        list(check_regression_consistency(model.manifest, spoil(scores, name, change)))


def test_intervals_beyond_what_the_manifest_says_are_found(regression: Exported) -> None:
    model = Model.load(regression.folder, threads=1)
    scores = model.score(make_measured(200, 8)[0].to_numpy(np.float32))
    half = 3 * (scores["upper"] - scores["lower"])
    wide = {**scores, "lower": scores["value"] - half, "upper": scores["value"] + half}
    with pytest.raises(VerificationError, match="narrower or wider"):
        list(check_regression_consistency(model.manifest, wide))
