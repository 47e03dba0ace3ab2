from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_export.reproduction import yelp
from model_export.reproduction.yelp import SOURCE, full_rows, load_reviews
from model_export.tasks.data import DATA_VARIABLE
from model_export.tasks.yelp import FILES


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Reviews of two origins by turns, longer with each row, embedded by their length."""
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    monkeypatch.setattr(yelp, "embed_texts", lambda texts, _: np.array([[len(t)] for t in texts], dtype=np.float32))
    load_reviews.cache_clear()
    (tmp_path / "yelp").mkdir()
    for file, rows in zip(FILES.values(), (12, 8), strict=True):
        frame = pd.DataFrame({"text": ["x" * (row + 1) for row in range(rows)], "label": [r % 5 for r in range(rows)]})
        frame["source"] = [SOURCE if row % 2 else "another" for row in range(rows)]
        frame.to_parquet(tmp_path / file)
    return tmp_path


@pytest.mark.usefixtures("data")
def test_the_reviews_of_the_papers_set_are_measured_by_themselves_too() -> None:
    found = load_reviews(False)
    assert (len(found.training.labels), found.validation, len(found.test.labels)) == (12, None, 8)
    assert found.test.rows[found.parts_of_test[SOURCE], 0].tolist() == [2, 4, 6, 8]


@pytest.mark.usefixtures("data")
def test_a_quick_look_takes_a_few_of_them_and_still_knows_where_they_are_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yelp, "QUICK_ROWS", {"training": 5, "test": 5})
    found = load_reviews(True)
    assert (len(found.training.labels), len(found.test.labels)) == (5, 5)
    lengths = found.test.rows[found.parts_of_test[SOURCE], 0]
    assert len(lengths) >= 1
    assert (lengths % 2 == 0).all()
    assert len(lengths) == (found.test.rows[:, 0] % 2 == 0).sum()


def test_reviews_without_an_origin_are_all_of_the_papers_set(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert full_rows(8).tolist() == [1, 3, 5, 7]
    pd.read_parquet(data / FILES["test"]).drop(columns="source").to_parquet(data / FILES["test"])
    assert full_rows(8).tolist() == list(range(8))
    monkeypatch.delenv(DATA_VARIABLE)
    assert full_rows(3).tolist() == [0, 1, 2]
