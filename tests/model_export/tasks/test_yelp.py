import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from model_export.errors import DataNotFoundError
from model_export.tasks import yelp
from model_export.tasks.data import DATA_VARIABLE, local_file
from model_export.tasks.yelp import FILES, ON_THE_HUB, load_yelp, unescape


class Rows(dict[str, list[object]]):
    """What the hub's loader gives of a part: columns by name, and rows by number."""

    def __len__(self) -> int:
        return len(self["label"])

    def select(self, rows: list[int]) -> "Rows":
        return Rows({name: [values[row] for row in rows] for name, values in self.items()})


def hub_of(reviews: int) -> ModuleType:
    def load_dataset(name: str) -> object:
        assert name == ON_THE_HUB
        labels: list[object] = [row % 5 for row in range(reviews)]
        texts: list[object] = [f'{row}\\nso \\"good\\"' for row in range(reviews)]
        return {part: Rows(text=texts, label=labels) for part in ("train", "test")}

    module = ModuleType("datasets")
    module.load_dataset = load_dataset  # type: ignore[attr-defined]
    return module


def test_ends_of_lines_and_quotation_marks_are_undone() -> None:
    assert unescape(r"one\n\ntwo \"three\"") == 'one\n\ntwo "three"'


def test_a_local_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    monkeypatch.setattr(yelp, "load_from_hub", None)
    (tmp_path / "yelp").mkdir()
    for label, name in enumerate(FILES.values()):
        pd.DataFrame({"text": [name], "label": [label], "source": "made up"}).to_parquet(tmp_path / name)
    found = load_yelp()
    assert (found.training.texts, found.test.texts) == (["yelp/train.parquet"], ["yelp/test.parquet"])
    assert found.validation.texts == []
    assert found.extent == "1 train + 1 test reviews"


def test_the_hubs_reviews_are_sampled_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "datasets", hub_of(200))
    monkeypatch.setattr(yelp, "SAMPLED", {"train": 50, "test": 20})
    found, again = load_yelp(), load_yelp()
    assert found.training.texts == again.training.texts
    assert (len(found.training.texts), len(set(found.test.texts))) == (50, 20)
    for text, label in zip(*found.training, strict=True):
        number, rest = text.split("\n")
        assert rest == 'so "good"'
        assert int(number) % 5 == label


def test_without_the_hubs_loader_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataNotFoundError, match=r"put yelp/train\.parquet, yelp/test\.parquet .*pip install datasets"):
        load_yelp()


@pytest.mark.data
@pytest.mark.skipif(
    local_file(FILES["train"]) is None, reason=f"{FILES['train']} is not in the folder that {DATA_VARIABLE} names"
)
def test_the_real_reviews_are_the_known_ones() -> None:
    found = load_yelp()
    assert (len(found.training.texts), len(found.test.texts)) == (19981, 4995)
    assert not set(found.training.texts) & set(found.test.texts)
