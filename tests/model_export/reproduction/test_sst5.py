from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_export.errors import DataNotFoundError
from model_export.reproduction import sst5
from model_export.reproduction.sst5 import PHRASES, apart, load_phrases, load_sentences, read_phrases
from model_export.tasks.data import DATA_VARIABLE, local_file
from model_export.tasks.sst5 import FILES, load_sst5
from model_export.tasks.text_set import Texts


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few sentences and phrases, two of which are also a validation and a test sentence, embedded by their length."""
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    monkeypatch.setattr(
        sst5, "embed_texts", lambda texts, pooling: np.array([[len(t), len(pooling)] for t in texts], dtype=np.float32)
    )
    load_sentences.cache_clear()
    load_phrases.cache_clear()
    (tmp_path / "sst5").mkdir()
    for part, file in FILES.items():
        pd.DataFrame({"text": [f"-LRB- {part} -RRB-"], "label": [2]}).to_parquet(tmp_path / file)
    phrases = ["-lrb- TEST -RRB-", "train -RRB-", "-LRB- validation -RRB-", "-LRB- train -RRB-"]
    pd.DataFrame({"text": phrases, "label": [0, 1, 2, 3]}).to_parquet(tmp_path / PHRASES)


@pytest.mark.usefixtures("data")
def test_sentences_keep_the_publishers_parts() -> None:
    found = load_sentences(False)
    assert found.validation is not None
    assert [part.rows[0, 0] for part in (found.training, found.validation, found.test)] == [9, 14, 8]
    assert found.parts_of_test == {}


@pytest.mark.usefixtures("data")
def test_phrases_are_trained_on_without_those_that_are_tested_by() -> None:
    found = load_phrases(False)
    assert found.training.labels.tolist() == [1, 3]
    assert found.training.rows[:, 0].tolist() == [7, 9]
    assert found.test.rows[:, 0].tolist() == [8]


@pytest.mark.usefixtures("data")
def test_a_quick_look_takes_a_few_of_the_phrases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sst5, "QUICK_PHRASES", 1)
    assert len(load_phrases(True).training.labels) == 1


def test_texts_are_told_apart_in_whatever_case() -> None:
    found = apart(Texts(["A good film", "bad", "good"], np.array([4, 0, 3])), ["a GOOD film", "dull"])
    assert found.texts == ["bad", "good"]
    assert found.labels.tolist() == [0, 3]


def test_phrases_that_are_not_at_hand_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    with pytest.raises(DataNotFoundError, match=r"put sst5/train_phrases\.parquet into the folder"):
        read_phrases()


@pytest.mark.data
@pytest.mark.skipif(local_file(PHRASES) is None, reason=f"{PHRASES} is not in the folder that {DATA_VARIABLE} names")
def test_six_of_the_real_phrases_are_sentences_to_test_or_to_stop_by() -> None:
    phrases, sentences = read_phrases(), load_sst5()
    assert len(phrases.texts) == 159_274
    left = apart(phrases, sentences.validation.texts + sentences.test.texts)
    assert len(left.texts) == 159_268
