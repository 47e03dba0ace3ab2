import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from model_export.reliability import Confidence, fit_temperature
from model_export.reliability.confidence import log_odds


def test_temperature_undoes_a_known_one() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(20_000, 4)) * 2
    probabilities = np.exp(log_softmax(logits, axis=1))
    codes = (probabilities.cumsum(1) > generator.random((20_000, 1))).argmax(1)
    assert fit_temperature(logits * 3, codes) == pytest.approx(3, rel=0.03)


def test_temperature_stays_bounded_on_separable_rows() -> None:
    assert 0.05 <= fit_temperature(np.array([[1.0, -1.0], [-1.0, 1.0]]), np.array([0, 1])) < 0.06


def test_log_odds_are_finite_at_certainty() -> None:
    odds = log_odds(torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64))
    torch.testing.assert_close(odds, torch.tensor([-13.8155, 0.0, 13.8155], dtype=torch.float64), atol=1e-4, rtol=0)


def test_is_the_logistic_regression_of_being_right() -> None:
    generator = np.random.default_rng(0)
    confidence = torch.from_numpy(generator.gamma(2, size=20_000))
    correct = generator.random(20_000) < torch.sigmoid(0.8 * confidence - 0.3).numpy()
    reference = LogisticRegression(C=1e6).fit(confidence.numpy()[:, None], correct)
    intercept, slope, chance = Confidence.fit(confidence, correct, chance=1 / 2).weights
    assert (intercept, slope) == pytest.approx((reference.intercept_[0], reference.coef_[0, 0]), abs=1e-3)
    assert chance == 0.5


def test_usual_rows_keep_their_confidence_and_strange_ones_fall_towards_chance() -> None:
    confidence = torch.full((5,), 3.0, dtype=torch.float64)
    log_tail = torch.tensor([0.2, 0.02, 0.002, 1e-6, 1e-300], dtype=torch.float64).log()
    found = Confidence(0.0, 1.0, 0.25)(confidence, log_tail)
    trusted = torch.sigmoid(torch.tensor(3.0, dtype=torch.float64)).item()
    assert found.tolist() == pytest.approx([trusted, trusted, 0.25 + 0.1 * (trusted - 0.25), 0.25, 0.25], abs=1e-4)
    assert found.diff().max() <= 0


def test_more_confidence_never_lowers_reliability() -> None:
    confidence = torch.from_numpy(np.random.default_rng(0).gamma(2, size=500))
    # The less confident are right more often here, as chance may have it in a small set.
    assert Confidence.fit(confidence, confidence.numpy() < 2, 1 / 3).weights[1] == 0


def test_stays_finite_where_every_row_is_right() -> None:
    confidence = torch.ones(30, dtype=torch.float64)
    fitted = Confidence.fit(confidence, np.ones(30, dtype=bool), 1 / 2)
    assert 0.8 < fitted(confidence, torch.zeros(30, dtype=torch.float64))[0].item() < 1
