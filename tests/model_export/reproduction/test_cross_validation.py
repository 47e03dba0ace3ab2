from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from model_export.reproduction.classical import CLASSICAL, MODERN, installed, log_loss_of
from model_export.reproduction.cross_validation import cross_validate_classical, cross_validate_networks
from model_export.reproduction.folds import Table, folds
from model_export.reproduction.recipe import Recipe
from model_export.reproduction.selection import BUDGET
from model_export.training.schedule import Schedule
from tests.model_export.reproduction.made_up_table import made_up_table


@pytest.fixture(scope="module")
def table() -> Table:
    return made_up_table()


def test_networks_are_chosen_on_validation_rows_and_tested_in_every_fold(table: Table) -> None:
    good = Recipe((8,), learning_rate=1e-2, max_epochs=15, dreg=Schedule(0.001))
    recipes = (replace(good, learning_rate=1e-7), good)
    outcome = cross_validate_networks("ChainzRule", recipes, table, list(folds(table.labels, 1, 1.0)), fraction=1.0)
    frame = pd.DataFrame(outcome.records)
    accuracy = frame[frame["metric"] == "accuracy"]
    assert sorted(accuracy["fold"]) == list(range(10))
    assert accuracy["value"].mean() > 0.9
    assert [candidate["folds"] for candidate in outcome.notes["candidates"]] == [0, 10]
    assert max(outcome.notes["epochs"]) <= 15
    assert (frame[frame["metric"] == "tail ratio"]["value"] >= 0.99).all()
    before = frame[(frame["metric"] == "polynomial before") & (frame["condition"] == "0 0 2.00")]["value"].item()
    assert before == pytest.approx(2 + 0.5 * 4 + 0.05 * 8)


def test_usual_methods_are_chosen_in_the_same_way(table: Table) -> None:
    makers = (DummyClassifier, CLASSICAL["logistic regression"]()[0])
    outcome = cross_validate_classical("logistic", makers, table, list(folds(table.labels, 1, 0.5)), fraction=0.5)
    frame = pd.DataFrame(outcome.records)
    assert outcome.notes["folds by candidate"] == [0, 10]
    assert frame[frame["metric"] == "accuracy"]["value"].mean() > 0.9
    assert set(frame["fraction"]) == {0.5}


@pytest.mark.parametrize("name", CLASSICAL)
def test_usual_methods_learn_from_a_table_with_gaps(name: str, table: Table) -> None:
    candidates = CLASSICAL[name]()
    assert len(candidates) == BUDGET
    for make in candidates[:1]:
        model = make().fit(table.rows[:150], table.labels[:150])
        assert (model.predict(table.rows[150:]) == table.labels[150:]).mean() > 0.85
    shown = {str(make().get_params()) for make in candidates}
    assert len(shown) == BUDGET


def test_a_log_loss_is_the_mean_of_minus_the_logarithms() -> None:
    loss = log_loss_of(np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]]), np.array([0, 1, 1]))
    assert loss == pytest.approx((np.log(2) - np.log(0.75) + 12 * np.log(10)) / 3)


def test_packages_are_looked_for() -> None:
    assert installed("numpy")
    assert not installed("no_such_package")


@pytest.mark.parametrize(("name", "module"), [(name, module) for name, (module, _) in MODERN.items()])
@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_methods_of_other_packages_learn_where_they_are_installed(name: str, module: str, table: Table) -> None:
    if not installed(module):
        pytest.skip(f"{module} is not installed: pip install 'chainzrule[studies]'")
    make, *_ = MODERN[name][1]()
    model = make().fit(table.rows[:150], table.labels[:150])
    assert (model.predict(table.rows[150:]) == table.labels[150:]).mean() > 0.8
    assert model.predict_proba(table.rows[150:]).shape == (50, 2)
