import numpy as np
import pandas as pd
import pytest

from model_export.reproduction import pima_protocols
from model_export.reproduction.folds import Table
from model_export.reproduction.pima_protocols import PIMA_PROTOCOLS, PROTOCOLS, complete_rows, imputed_by_class


@pytest.fixture
def noise(monkeypatch: pytest.MonkeyPatch) -> Table:
    """Rows that tell nothing of their classes."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(300, 4))
    rows[generator.random(rows.shape) < 0.4] = np.nan
    table = Table(rows, generator.integers(0, 2, 300))
    monkeypatch.setattr(pima_protocols, "pima", lambda: table)
    return table


def test_filling_by_class_gives_the_median_of_the_rows_class() -> None:
    table = Table(np.array([[1.0], [np.nan], [5.0], [np.nan], [9.0], [7.0]]), np.array([0, 0, 0, 1, 1, 1]))
    assert imputed_by_class(table).rows.ravel().tolist() == [1.0, 3.0, 5.0, 8.0, 9.0, 7.0]


def test_complete_rows_are_those_without_a_gap() -> None:
    table = Table(np.array([[1.0, np.nan], [2.0, 3.0]]), np.array([0, 1]))
    assert complete_rows(table).rows.tolist() == [[2.0, 3.0]]
    assert complete_rows(table).labels.tolist() == [1]


def test_filling_by_class_tells_trees_what_nothing_else_does(noise: Table) -> None:
    assert len(noise.rows) == 300
    found = {}
    for unit in PIMA_PROTOCOLS.units(True):
        if unit.name in {"XGBoost, clean 10-fold", "XGBoost, gaps filled by class"}:
            found[unit.name.split(", ")[1]] = pd.DataFrame(unit.run().records)["value"].mean()
    assert found["clean 10-fold"] < 0.6
    assert found["gaps filled by class"] > 0.9


def test_splits_have_as_many_test_rows_as_their_name_says_and_share_none(noise: Table) -> None:
    assert len(noise.rows) == 300
    for name, rows in (("one split, 154 rows to test on", 154), ("one split, 77 rows to test on", 77)):
        cases = list(PROTOCOLS[name](3))
        assert [len(case.test) for case in cases] == [rows] * 3
        assert all(not set(case.test) & set(case.learning) for case in cases)


@pytest.mark.parametrize("protocol", ["clean 10-fold", "epochs chosen on the test rows"])
def test_networks_are_tested_by_every_protocol(protocol: str, noise: Table) -> None:
    assert len(noise.rows) == 300
    (unit,) = (unit for unit in PIMA_PROTOCOLS.units(True) if unit.name == f"relu, {protocol}")
    frame = pd.DataFrame(unit.run().records)
    assert len(frame) == 10
    assert set(frame["condition"]) == {protocol}
    assert 0.3 < frame["value"].mean() < 0.7
