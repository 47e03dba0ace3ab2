import numpy as np
import pytest
import torch
from scipy.special import log_softmax

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


def test_finds_the_regression_that_made_the_errors() -> None:
    generator = np.random.default_rng(0)
    confidence = torch.from_numpy(generator.gamma(2, size=20_000))
    typicality = torch.from_numpy(generator.random(20_000))
    made_by = Confidence(-0.3, 0.8, 0.5)
    correct = generator.random(20_000) < made_by(confidence, typicality).numpy()
    assert Confidence.fit(confidence, typicality, correct).weights == pytest.approx(made_by.weights, abs=0.08)


def test_less_typicality_never_raises_reliability() -> None:
    generator = np.random.default_rng(0)
    confidence = torch.from_numpy(generator.gamma(2, size=500))
    typicality = torch.from_numpy(generator.random(500))
    # The atypical are right more often here, as chance may have it in a small set.
    fitted = Confidence.fit(confidence, typicality, typicality.numpy() < 0.5)
    assert fitted.weights[2] == 0


def test_stays_finite_where_every_row_is_right() -> None:
    confidence, typicality = torch.ones(30), torch.full((30,), 0.5)
    fitted = Confidence.fit(confidence, typicality, np.ones(30, dtype=bool))
    assert 0.8 < fitted(confidence.double(), typicality.double())[0].item() < 1
