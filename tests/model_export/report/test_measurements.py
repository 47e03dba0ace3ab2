"""Every figure of the report, computed again another way from the version folder and the table."""

import re

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import ks_1samp, uniform
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, log_loss

from model_export.report.measurements import Measurements, measure
from model_export.report.signals import calibration, selection, usualness, wilson
from service.inference.model import Model
from service.version_folder import read_manifest
from tests.model_export.report.conftest import Reported


@pytest.fixture(scope="module")
def measured(reported_loans: Reported) -> Measurements:
    return measure(Model.load(reported_loans.folder, threads=1), reported_loans.subject)


@pytest.fixture(scope="module")
def outputs(reported_loans: Reported) -> dict[str, NDArray[np.float64]]:
    """What the file answers to the test rows, by onnxruntime alone."""
    session = onnxruntime.InferenceSession(reported_loans.folder / "model.onnx", providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    rows = reported_loans.trained.rows[reported_loans.trained.plan.parts.test].astype(np.float32)
    return dict(zip(names, session.run(names, {"features": rows}), strict=True))


@pytest.fixture(scope="module")
def truth(reported_loans: Reported) -> NDArray[np.int64]:
    plan = reported_loans.trained.plan
    codes: NDArray[np.int64] = plan.target.codes[plan.parts.test]
    return codes


def test_its_figures_are_those_of_the_file_that_is_served(
    reported_loans: Reported, measured: Measurements, outputs: dict[str, NDArray[np.float64]], truth: NDArray[np.int64]
) -> None:
    figures, evaluation = measured.standings[0].figures, read_manifest(reported_loans.folder).evaluation
    assert figures["accuracy"] == pytest.approx((outputs["label"] == truth).mean())
    assert figures["log loss"] == pytest.approx(log_loss(truth, outputs["probabilities"]), rel=1e-5)
    assert (figures["accuracy"], measured.tau) == pytest.approx((evaluation.accuracy, evaluation.tail_ratio), rel=1e-6)
    assert measured.confusion is not None
    assert (measured.confusion.counts == confusion_matrix(truth, outputs["label"])).all()
    said = f"{100 * (outputs['label'] == truth).mean():.1f} %"
    tile = re.search(r"<dt>accuracy</dt><dd>([^<]+)</dd>", reported_loans.html)
    assert tile is not None
    assert tile[1] == said


def test_what_predictions_lean_on_is_the_mean_size_of_the_served_gradient(
    measured: Measurements, outputs: dict[str, NDArray[np.float64]]
) -> None:
    expected = dict(
        zip(("amount", "city", "member", "since", "grade"), np.abs(outputs["sensitivity"]).mean(0), strict=True)
    )
    assert [leaning.name for leaning in measured.leanings] == sorted(expected, key=lambda name: -expected[name])
    assert [leaning.mean for leaning in measured.leanings] == pytest.approx(
        sorted(expected.values(), reverse=True), rel=1e-5
    )


def test_logistic_regression_had_the_same_rows(reported_loans: Reported, measured: Measurements) -> None:
    """Fitted another way: pandas' indicators, gaps filled by hand."""
    plan = reported_loans.trained.plan
    frame = pd.DataFrame(plan.values)
    columns = pd.get_dummies(frame[["city", "member", "grade"]], dummy_na=True)
    for name in ("amount", "since"):
        known = frame[name].iloc[plan.parts.training]
        filled = frame[name].fillna(known.median())
        mean, deviation = (getattr(filled.iloc[plan.parts.training], moment)() for moment in ("mean", "std"))
        columns[name] = (filled - mean) / deviation
    gap = frame["amount"].isna()
    columns["gap"] = (gap - gap.iloc[plan.parts.training].mean()) / gap.iloc[plan.parts.training].std()
    model = LogisticRegression(max_iter=1000).fit(
        columns.iloc[plan.parts.training].astype(float), plan.target.codes[plan.parts.training]
    )
    right = model.predict(columns.iloc[plan.parts.test].astype(float)) == plan.target.codes[plan.parts.test]
    names = [standing.name for standing in measured.standings]
    assert names == ["ChainzRule", "Logistic regression", "Gradient boosting", "Always the commonest class"]
    ours, theirs = measured.standings[:2]
    assert theirs.figures["accuracy"] == pytest.approx(right.mean(), abs=0.005)
    assert theirs.difference is not None
    assert theirs.difference.difference == pytest.approx(ours.figures["accuracy"] - theirs.figures["accuracy"])
    assert theirs.difference.low <= theirs.difference.difference <= theirs.difference.high
    assert ours.low < ours.figures["accuracy"] < ours.high


def test_a_quantity_has_errors_in_its_unit_and_its_intervals(reported_prices: Reported) -> None:
    measured = measure(Model.load(reported_prices.folder, threads=1), reported_prices.subject)
    evaluation = read_manifest(reported_prices.folder).evaluation.regression
    assert evaluation is not None
    figures = measured.standings[0].figures
    assert figures["root mean squared error"] == pytest.approx(evaluation.root_mean_squared_error, rel=1e-6)
    assert figures["R²"] == pytest.approx(evaluation.r2, rel=1e-6)
    assert [standing.name for standing in measured.standings[1:3]] == ["Ridge regression", "Gradient boosting"]
    assert f"{100 * evaluation.coverage:.1f} % of the truths lie within theirs" in reported_prices.html


def test_the_bins_of_a_reliability_diagram_are_counted() -> None:
    generator = np.random.default_rng(0)
    probability = generator.permutation(np.repeat(np.arange(1, 9) / 10, 125))
    right = generator.random(1000) < probability
    found = calibration("score", probability, right)
    shares = {p: right[probability == p].mean() for p in np.unique(probability)}
    assert [one.rows for one in found.bins] == [125] * 8
    assert [one.said for one in found.bins] == pytest.approx(list(shares))
    assert [one.seen for one in found.bins] == pytest.approx(list(shares.values()))
    assert found.error == pytest.approx(np.mean([abs(p - seen) for p, seen in shares.items()]))
    assert all(one.low < one.seen < one.high for one in found.bins)
    constant = calibration("score", np.full(100, 0.7), np.arange(100) < 60)
    assert (len(constant.bins), constant.error) == (1, pytest.approx(0.1))


def test_wilsons_interval_solves_its_equation() -> None:
    """Both ends p are where |p̂ − p| is 1.96 standard errors, those at p (Wilson, 1927)."""
    for count, rows in ((0, 20), (7, 20), (999, 1000)):
        for end in wilson(count, rows):
            assert (count / rows - end) ** 2 == pytest.approx(1.959964**2 * end * (1 - end) / rows, abs=1e-9)


def test_risk_by_coverage_is_what_sorting_by_hand_gives() -> None:
    generator = np.random.default_rng(1)
    confidence, wrong = generator.random(100), generator.random(100) < 0.3
    order = np.argsort(-confidence)
    risks = {k / 100: wrong[order[:k]].mean() for k in range(1, 101)}
    found = selection("score", confidence, wrong)
    assert dict(found.points) == pytest.approx({coverage: risks[coverage] for coverage, _ in found.points})
    assert found.area == pytest.approx(np.mean(list(risks.values())))


def test_shifted_rows_are_found_to_be_more_than_chance(measured: Measurements) -> None:
    usual = measured.usual
    typicality = measured.answers.scores["typicality"].astype(np.float64)
    assert usual.gap == pytest.approx(ks_1samp(typicality, uniform.cdf).statistic)
    assert usual.p > 0.01
    assert usual.shares[0] == pytest.approx((typicality < 0.05).mean())
    shifted = measured.answers._replace(
        scores=measured.answers.scores | {"typicality": (typicality**3).astype(np.float32)}
    )
    assert usualness(shifted).p < 0.001


def test_the_polynomials_are_drawn_where_their_inputs_lie(reported_loans: Reported, measured: Measurements) -> None:
    network = reported_loans.trained.network.float()
    assert [layer.neurons for layer in measured.layers] == [16, 12]
    first = measured.layers[0]
    coefficients = network.layers[0].activation.coefficients.detach().numpy()  # type: ignore[union-attr]
    for neuron, curve in enumerate(first.curves):
        expected = np.polynomial.polynomial.polyval(curve.z, coefficients[:, neuron].astype(np.float64))
        assert curve.value == pytest.approx(expected, abs=1e-5)
        assert first.edges[0] <= curve.z.min() < curve.z.max() <= first.edges[-1]
    assert 0.97 < first.shares.sum() <= 1
    assert ((first.straightness > 0) & (first.straightness <= 1)).all()
