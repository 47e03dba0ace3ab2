import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from model_export.errors import DataError
from model_export.training import ChainzRuleClassifier, Schedule

Table = tuple[pd.DataFrame, "pd.Series[str]"]


def small(**settings: object) -> ChainzRuleClassifier:
    return ChainzRuleClassifier((8,), **{"max_epochs": 8, "learning_rate": 0.01, "random_state": 0, **settings})  # type: ignore[arg-type]


def test_learns_a_curved_boundary_from_a_raw_table(estimator: ChainzRuleClassifier, table: Table) -> None:
    features, labels = table
    assert estimator.score(features, labels) > 0.8
    assert estimator.classes_.tolist() == ["high", "low", "medium"]
    assert estimator.feature_names_in_.tolist() == list(features.columns)
    probabilities = estimator.predict_proba(features)
    assert probabilities.shape == (600, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)


def test_works_in_a_pipeline_in_cross_validation_and_in_clone(table: Table) -> None:
    pipeline = make_pipeline(FunctionTransformer(), small())
    scores = cross_val_score(pipeline, *table, cv=3)
    assert scores.shape == (3,)
    assert scores.mean() > 0.5
    copy = clone(small(dreg=Schedule(0.1, 0.01, "linear"), degree=4))
    assert copy.get_params()["degree"] == 4
    assert copy.schedule == Schedule(0.1, 0.01, "linear")


def test_the_same_seed_gives_the_same_network_and_leaves_the_global_one_alone(table: Table) -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first, again, other = (small(random_state=seed).fit(*table).predict_proba(table[0]) for seed in (1, 1, 2))
    torch.testing.assert_close(torch.rand(1), expected)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "tanh"])
@pytest.mark.parametrize("dreg", [0, 0.01])
def test_the_twins_train_with_and_without_dreg(table: Table, activation: str, dreg: float) -> None:
    assert small(activation=activation, dreg=dreg, max_epochs=20).fit(*table).score(*table) > 0.6


def test_dreg_shrinks_the_jacobian(table: Table) -> None:
    def mean_norm(dreg: float) -> float:
        fitted = small(dreg=dreg, max_epochs=30).fit(*table)
        with torch.no_grad():
            rows = fitted.standardiser_(torch.from_numpy(table[0].to_numpy(copy=True))).float()
            jacobian = torch.func.vmap(torch.func.jacrev(lambda row: fitted.network_(row[None])[0]))(rows)
        return float(torch.linalg.matrix_norm(jacobian).mean())

    assert mean_norm(0.1) < 0.7 * mean_norm(0.0)


def test_stops_early_and_keeps_the_best_network() -> None:
    features, labels = make_classification(80, 20, n_informative=2, flip_y=0.4, random_state=0)
    fitted = small(max_epochs=300, patience=5, learning_rate=0.02).fit(features, labels)
    assert fitted.epochs_ < 300
    assert (fitted.training_rows_, fitted.validation_rows_) == (68, 12)


def test_a_schedule_reaches_the_loss(table: Table) -> None:
    constant = small(dreg=0.1).fit(*table).predict_proba(table[0])
    fading = small(dreg=Schedule(0.1, 0.0, "cosine")).fit(*table).predict_proba(table[0])
    assert np.abs(constant - fading).max() > 1e-3


@pytest.mark.parametrize(
    ("features", "labels", "complaint"),
    [
        (
            pd.DataFrame({"a": [1.0] * 9, "b": [np.nan] * 9}),
            [0, 1, 1] * 3,
            "column 'b' has no value in any training row",
        ),
        (np.zeros((9, 2)), [0] * 8 + [1], "class '1' has 1"),
        (np.zeros((2, 2)), [0, 1], "2 rows are too few"),
        (np.zeros((9, 2)), ["x"] * 9, "at least two classes"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(
    features: object, labels: list[int] | list[str], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        small().fit(features, labels)


@pytest.mark.parametrize("settings", [{"validation_fraction": 0.0}, {"validation_fraction": 1.0}, {"max_epochs": 0}])
def test_settings_that_cannot_train_are_refused(table: Table, settings: dict[str, object]) -> None:
    with pytest.raises(DataError, match="a share of the rows between 0 and 1, after at least 1 epoch"):
        small(**settings).fit(*table)


def test_a_column_that_float32_cannot_tell_apart_is_refused_and_a_constant_one_is_not(table: Table) -> None:
    features, labels = table
    assert small().fit(features.assign(constant=98.6), labels).standardiser_.deviation[-1] == 1
    with pytest.raises(DataError, match=r"column 'clock' varies by .* around 1\.7"):
        small().fit(features.assign(clock=1.7e9 + np.arange(600)), labels)


def test_a_column_known_in_validation_rows_alone_is_refused_by_name(table: Table) -> None:
    features, labels = table
    rare = features.assign(rare=np.nan)
    known = small()._split(np.unique(labels, return_inverse=True)[1], 0)[1][0]
    rare.loc[known, "rare"] = 1.0
    with pytest.raises(DataError, match="column 'rare' has no value in any training row"):
        small().fit(rare, labels)


def test_an_interruption_is_not_taken_for_the_end_of_training(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("model_export.training.dreg_net.dreg_penalty", interrupt)
    with pytest.raises(KeyboardInterrupt):
        small().fit(*table)


def test_predicting_before_fitting_is_refused(table: Table) -> None:
    for method in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(small(), method)(table[0])


def test_takes_a_random_state_as_scikit_learn_does(table: Table) -> None:
    first, again = (small(random_state=np.random.RandomState(3)).fit(*table).predict_proba(table[0]) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_fewer_rows_than_folds_is_refused(table: Table) -> None:
    with pytest.raises(ValueError, match="n_splits=5 greater than the number of samples"):
        cross_val_score(small(), table[0][:4], table[1][:4], cv=5)


def test_a_network_that_diverged_is_refused(table: Table) -> None:
    with pytest.raises(DataError, match="training diverged"):
        small(learning_rate=1e20, dreg=0).fit(*table)


def test_columns_other_than_those_fitted_are_refused(estimator: ChainzRuleClassifier, table: Table) -> None:
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict(table[0].rename(columns={"age": "years"}))


def test_a_progress_bar_is_drawn_when_asked_for(table: Table, capsys: pytest.CaptureFixture[str]) -> None:
    small(progress=True, max_epochs=2).fit(*table)
    assert "2/2" in capsys.readouterr().out
