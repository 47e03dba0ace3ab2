"""Every output against its definition, computed from the network alone by autograd and finite differences."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from model_export.errors import DataError
from model_export.graph.calibration import Calibration, calibrate
from model_export.graph.scorer import Scorer
from model_export.reliability.thresholds import halves
from model_export.training import ChainzRuleClassifier
from service.manifest import JacobianKind
from tests.conftest import make_table


@pytest.fixture(params=["margin", "full"])
def scorer(
    request: pytest.FixtureRequest, estimator: ChainzRuleClassifier, table: tuple[pd.DataFrame, "pd.Series[str]"]
) -> Scorer:
    kind: JacobianKind = request.param
    return calibrate(estimator, table[0], *make_table(300, seed=2), jacobian=kind).scorer


@pytest.fixture
def rows() -> Tensor:
    return torch.from_numpy(make_table(50, seed=5)[0].to_numpy(copy=True))


def jacobians(scorer: Scorer, rows: Tensor) -> tuple[Tensor, Tensor]:
    """J by autograd and by finite differences, of the logits by the standardised input."""
    standard = scorer.standardiser(rows)
    network = scorer.network
    exact = torch.func.vmap(torch.func.jacrev(lambda row: network(row[None])[0]))(standard)
    step = 1e-5 * torch.eye(standard.shape[1], dtype=torch.float64)
    columns = [(network(standard + h) - network(standard - h)) / 2e-5 for h in step]
    return exact, torch.stack(columns, 2)


def test_derivative_outputs_are_what_they_are_called(scorer: Scorer, rows: Tensor) -> None:
    scores = scorer(rows)
    logits = scorer.network(scorer.standardiser(rows))
    index = torch.arange(len(rows))
    ordered = logits.argsort(1, descending=True)
    label, runner_up = ordered[:, 0], ordered[:, 1]
    for jacobian, tolerance in zip(jacobians(scorer, rows), (1e-9, 1e-6), strict=True):
        gradients = jacobian[index, label].unsqueeze(1) - jacobian
        gaps = logits[index, label].unsqueeze(1) - logits
        distances = gaps / gradients.norm(dim=2)
        margin = gradients[index, runner_up]
        if scorer.jacobian == "full":
            norm = jacobian.square().sum((1, 2)).sqrt()
            distances[index, label] = torch.inf
            nearest = distances.amin(1)
        else:
            norm, nearest = margin.norm(dim=1), distances[index, runner_up]
        torch.testing.assert_close(scores.sensitivity, margin, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(scores.jacobian_norm, norm, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(scores.boundary_distance, nearest, rtol=tolerance, atol=tolerance)
    assert torch.equal(scores.label, label)
    torch.testing.assert_close(scores.probabilities, torch.softmax(logits / scorer.temperature, 1))


def test_tail_ratio_is_one_on_average_over_the_calibration_rows(scorer: Scorer) -> None:
    scores = scorer(torch.from_numpy(make_table(300, seed=2)[0].to_numpy(copy=True)))
    # Exactly, but for class pairs too rare to have a mean of their own.
    assert scores.tail_ratio.mean().item() == pytest.approx(1, abs=1e-9 if scorer.jacobian == "full" else 0.01)


def test_moving_against_the_sensitivity_lowers_the_margin(scorer: Scorer, rows: Tensor) -> None:
    known = rows[~rows.isnan().any(1)]
    scores = scorer(known)
    step = 0.01 * scorer.standardiser.deviation * scores.sensitivity
    moved = scorer(known - step)
    index = torch.arange(len(known))
    before = scores.probabilities[index, scores.label]
    assert (moved.probabilities[index, scores.label] < before)[scores.jacobian_norm > 1e-3].all()


def test_typicality_falls_where_the_model_was_not_trained(scorer: Scorer, rows: Tensor) -> None:
    usual = scorer(rows).typicality
    mistaken = rows.clone()
    mistaken[:, 1] *= 1000
    assert usual.median().item() > 0.2
    assert (scorer(mistaken).typicality < 0.05).all()


def test_every_output_is_finite_however_far_the_row(scorer: Scorer) -> None:
    far = torch.tensor([[1e30, -1e30, 1e30, 1e30], [torch.nan] * 4, [-3e38] * 4], dtype=torch.float64)
    for name, output in scorer(far).present().items():
        assert torch.isfinite(output.double()).all(), name


def test_reference_figures_are_those_of_the_calibration_rows(calibration: Calibration) -> None:
    scores = calibration.scorer(torch.from_numpy(make_table(300, seed=2)[0].to_numpy(copy=True)))
    norms, ratios = scores.jacobian_norm.numpy(), scores.tail_ratio.numpy()
    assert calibration.reference.rows == 300
    assert calibration.reference.jacobian_norm == pytest.approx(norms.mean())
    assert calibration.reference.tail_ratio == pytest.approx(np.quantile(ratios, 0.99) / ratios.mean())
    assert calibration.reference.smallest_typicality == pytest.approx(1 / 301)


def test_reliability_is_calibrated_on_the_half_it_is_fitted_to(calibration: Calibration) -> None:
    half = halves(300)[0]
    table, labels = (values.iloc[half] for values in make_table(300, seed=2))
    scores = calibration.scorer(torch.from_numpy(table.to_numpy(copy=True)))
    accuracy = (np.array(["high", "low", "medium"])[scores.label.numpy()] == labels).mean()
    assert scores.reliability.mean().item() == pytest.approx(accuracy, abs=0.01)


def test_a_network_without_hidden_layers_is_refused(table: tuple[pd.DataFrame, "pd.Series[str]"]) -> None:
    linear = ChainzRuleClassifier((), max_epochs=2, random_state=0).fit(*table)
    with pytest.raises(DataError, match="without hidden layers"):
        calibrate(linear, table[0], *table)


def test_a_calibration_label_that_training_did_not_have_is_refused(estimator: ChainzRuleClassifier) -> None:
    table, labels = make_table(60, seed=2)
    with pytest.raises(DataError, match="labels that training did not have: extreme"):
        calibrate(estimator, table, table, labels.replace("high", "extreme"))
