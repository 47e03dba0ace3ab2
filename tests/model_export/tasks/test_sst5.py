import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from model_export.errors import DataError, DataNotFoundError
from model_export.tasks import sst5
from model_export.tasks.data import DATA_VARIABLE, local_file
from model_export.tasks.sst5 import FILES, ON_THE_HUB, load_sst5, plain
from model_export.tasks.text_set import split_texts


def hub_of(parts: object) -> ModuleType:
    """A stand-in for the module `datasets` whose hub has this one set."""

    def load_dataset(name: str) -> object:
        assert name == ON_THE_HUB
        if isinstance(parts, Exception):
            raise parts
        return parts

    module = ModuleType("datasets")
    module.load_dataset = load_dataset  # type: ignore[attr-defined]
    return module


def test_brackets_and_escapes_become_what_was_meant() -> None:
    assert plain("-LRB- 8 1\\/2 -RRB- f \\* k") == "( 8 1/2 ) f * k"
    assert plain("-lrb- funny -rrb-") == "( funny )"


def test_a_local_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    monkeypatch.setattr(sst5, "load_from_hub", None)
    (tmp_path / "sst5").mkdir()
    for label, name in enumerate(FILES.values()):
        pd.DataFrame({"text": [f"-LRB- {name}"], "label": [label]}).to_parquet(tmp_path / name)
    found = load_sst5()
    assert found.training == (["( sst5/train.parquet"], np.array([0]))
    assert found.validation == (["( sst5/dev.parquet"], np.array([1]))
    assert found.test == (["( sst5/test.parquet"], np.array([2]))
    assert found.extent == "1 train + 1 validation + 1 test sentences"


def test_the_hubs_parts_become_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    parts = {part: {"text": [f"{part} -lrb-"] * 2, "label": [3, 4]} for part in ("train", "validation", "test")}
    monkeypatch.setitem(sys.modules, "datasets", hub_of(parts))
    found = load_sst5()
    assert [part.texts[0] for part in found[:3]] == ["train (", "validation (", "test ("]
    assert found.test.labels.tolist() == [3, 4]


def test_a_hidden_label_on_the_hub_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    parts = {part: {"text": ["a"], "label": [-1]} for part in ("train", "validation", "test")}
    monkeypatch.setitem(sys.modules, "datasets", hub_of(parts))
    with pytest.raises(DataError, match="row 0 of SetFit/sst5, train has the label -1: labels are 0 to 4"):
        load_sst5()


def test_sentences_that_are_nowhere_are_reported_with_both_cures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "datasets", hub_of(ConnectionError("name or service not known")))
    with pytest.raises(DataNotFoundError, match=r"put sst5/train\.parquet, .* or let this machine reach"):
        load_sst5()


@pytest.mark.data
@pytest.mark.skipif(
    local_file(FILES["train"]) is None, reason=f"{FILES['train']} is not in the folder that {DATA_VARIABLE} names"
)
def test_the_real_sentences_are_the_known_ones() -> None:
    found = load_sst5()
    assert [len(part.texts) for part in found[:3]] == [8544, 1101, 2210]
    assert np.bincount(found.test.labels).tolist() == [279, 633, 389, 510, 399]
    assert not any("-LRB-" in text or "\\" in text for part in found[:3] for text in part.texts)
    split = split_texts(found, 2000, seed=0, validation_share=0.15)
    assert [len(part.texts) for part in split][2] == 2000
    assert sum(len(part.texts) for part in split) == 9645
