from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from model_export.errors import DataError, DataNotFoundError
from model_export.tasks import pima
from model_export.tasks.data import DATA_VARIABLE, local_file
from model_export.tasks.pima import PIMA, UNITS, clean, from_openml, load_pima


def raw_row(**values: float) -> dict[str, float]:
    return {**dict.fromkeys(UNITS, 1.0), "Outcome": 1, **values}


def test_zero_is_missing_only_where_it_cannot_be_a_measurement() -> None:
    table = clean(pd.DataFrame([raw_row(Pregnancies=0, Glucose=0, BMI=0, Insulin=0), raw_row(Glucose=99)]))
    assert table.loc[0, ["Glucose", "BMI", "Insulin"]].isna().all()
    assert table.loc[0, "Pregnancies"] == 0
    assert table.loc[1, "Glucose"] == 99


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        (pd.DataFrame([[6, 148, 72, 35, 0, 33.6, 0.627, 50, 1]]), "is its first line the header"),
        (pd.DataFrame([raw_row()]).drop(columns="BMI"), "lacks the columns BMI"),
        (pd.DataFrame([raw_row()]).astype(object).assign(Age="fifty"), "not a number: .*fifty"),
    ],
)
def test_another_table_is_refused(table: pd.DataFrame, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        clean(table)


def test_too_few_rows_are_refused() -> None:
    few = pd.DataFrame([raw_row(Outcome=0), raw_row()])
    with pytest.raises(DataError, match="the 2 rows cannot be split by Outcome"):
        replace(PIMA, load=lambda: few).split(seed=0)


def test_openmls_names_and_labels_become_ours() -> None:
    columns = ["preg", "plas", "pres", "skin", "insu", "mass", "pedi", "age", "class"]
    rows = [[1, 2, 3, 4, 5, 6, 7, 8, label] for label in ("tested_positive", "tested_negative")]
    table = from_openml(pd.DataFrame(rows, columns=columns))
    assert list(table.columns) == [*UNITS, "Outcome"]
    assert table["Outcome"].tolist() == [1, 0]
    assert table["Glucose"].tolist() == [2, 2]


def test_a_local_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    assert local_file(pima.FILE) is None
    (tmp_path / "pima").mkdir()
    pd.DataFrame([raw_row(Glucose=0)]).to_csv(tmp_path / pima.FILE, index=False)
    assert load_pima()["Glucose"].isna().all()


def test_data_that_is_nowhere_is_reported_with_both_cures(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("name or service not known")

    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.setattr(pima, "fetch_openml", unreachable)
    with pytest.raises(DataNotFoundError, match=r"put pima/diabetes.csv into the folder .*, or let this machine reach"):
        load_pima()


@pytest.mark.data
@pytest.mark.skipif(
    local_file(pima.FILE) is None, reason=f"{pima.FILE} is not in the folder that {DATA_VARIABLE} names"
)
def test_the_real_table_is_the_known_one_and_its_splits_share_nothing() -> None:
    table = load_pima()
    assert table.shape == (768, 9)
    assert table["Outcome"].sum() == 268
    assert table.isna().sum().sum() == 652
    split = PIMA.split(seed=0)
    parts = [set(rows.table.index) for rows in split]
    assert [len(part) for part in parts] == [460, 154, 154]
    assert len(set.union(*parts)) == 768
