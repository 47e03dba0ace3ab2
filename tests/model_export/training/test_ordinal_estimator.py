from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from model_export.errors import DataError
from model_export.training import ChainzRuleClassifier, ChainzRuleOrdinalClassifier
from model_export.training.ordinal_estimator import LevelLoss
from tests.conftest import load_grades


@pytest.fixture(scope="module")
def grades() -> pd.DataFrame:
    return load_grades()


@pytest.fixture(scope="module")
def fitted(grades: pd.DataFrame) -> ChainzRuleOrdinalClassifier:
    estimator = ChainzRuleOrdinalClassifier((16, 12), max_epochs=40, patience=10, random_state=0)
    return estimator.fit(grades.drop(columns="stars"), grades["stars"])


def test_levels_are_learnt_and_their_probabilities_add_up(
    fitted: ChainzRuleOrdinalClassifier, grades: pd.DataFrame
) -> None:
    probabilities = fitted.predict_proba(grades.drop(columns="stars"))
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    predicted = fitted.predict(grades.drop(columns="stars"))
    assert (predicted == grades["stars"]).mean() > 0.7
    assert set(predicted) == {1, 2, 3}


def test_the_prediction_is_the_median(fitted: ChainzRuleOrdinalClassifier, grades: pd.DataFrame) -> None:
    table = grades.drop(columns="stars")
    median = (fitted.predict_proba(table).cumsum(1) <= 0.5).sum(1)
    agree = fitted.classes_[median] == fitted.predict(table)
    assert agree.mean() > 0.999  # a cumulative share of just 0.5 may fall on either side


def test_it_is_nearer_the_truth_than_a_classifier_that_knows_no_order() -> None:
    generator = np.random.default_rng(0)
    table = generator.normal(size=(600, 3))
    levels = np.digitize(table[:, 0] + generator.normal(size=600), [-1.5, -0.5, 0.5, 1.5])
    options: dict[str, Any] = {"max_epochs": 40, "patience": 10, "random_state": 0}
    errors = [
        np.abs(kind((8,), **options).fit(table[:300], levels[:300]).predict(table[300:]) - levels[300:]).mean()
        for kind in (ChainzRuleOrdinalClassifier, ChainzRuleClassifier)
    ]
    assert errors[0] < errors[1]


def test_the_loss_is_the_negative_log_likelihood() -> None:
    loss = LevelLoss()(torch.tensor([[0.0]]), torch.tensor([1]))
    torch.testing.assert_close(loss, torch.tensor(2.0).log())


def test_labels_without_an_order_are_refused(grades: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="give levels as numbers"):
        ChainzRuleOrdinalClassifier().fit(grades[["pressure"]], grades["stars"].astype(str))
