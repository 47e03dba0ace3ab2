from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model_export.errors import DataError
from model_export.tasks.text_set import Texts, TextSet, split_texts


def numbered(rows: int, first: int = 0) -> Texts:
    return Texts([str(first + row) for row in range(rows)], np.arange(rows) % 3)


def texts_of(training: int, validation: int) -> TextSet:
    return TextSet(numbered(training), numbered(validation, 1000), numbered(5, 2000), "numbers")


def test_no_text_is_in_two_parts_and_the_publishers_validation_texts_stay_some() -> None:
    split = split_texts(texts_of(300, 90), 60, seed=0, validation_share=0.1)
    parts = [set(part.texts) for part in split]
    assert set.union(*parts) == {*map(str, range(300)), *map(str, range(1000, 1090))}
    assert sum(map(len, parts)) == 390
    assert len(split.calibration.texts) == 60
    assert all(int(text) < 1000 for text in split.training.texts)
    assert all(int(text) >= 1000 for text in split.validation.texts)
    assert {text for text in split.calibration.texts if int(text) < 1000} != set(split.calibration.texts)
    for part in split:
        assert all(int(text) % 1000 % 3 == label for text, label in zip(*part, strict=True))
    assert np.bincount(split.calibration.labels).tolist() == [20, 20, 20]


def test_without_validation_texts_a_share_of_the_rest_becomes_them() -> None:
    split = split_texts(texts_of(300, 0), 60, seed=0, validation_share=0.25)
    assert [len(part.texts) for part in split] == [180, 60, 60]
    assert len(set.union(*(set(part.texts) for part in split))) == 300


def test_the_seed_decides() -> None:
    texts = texts_of(300, 90)
    first, again, other = (split_texts(texts, 60, seed, 0.1) for seed in (0, 0, 1))
    assert first.calibration.texts == again.calibration.texts
    assert first.calibration.texts != other.calibration.texts


def test_too_few_texts_are_refused() -> None:
    with pytest.raises(DataError, match=r"9 texts cannot be split into .* and 60 to calibrate with"):
        split_texts(texts_of(6, 3), 60, seed=0, validation_share=0.1)


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        ({"sentence": ["a"], "label": [0]}, "lacks the columns text; it has sentence, label"),
        ({"text": ["a", float("nan")], "label": [0, 1]}, r"row 1 of .*\.parquet has no text but nan: drop it"),
        ({"text": ["a", "b"], "label": [0, 3]}, "row 1 of .* has the label 3: labels are 0 to 2"),
        ({"text": ["a", "b"], "label": [0.5, 1]}, "row 0 of .* has the label 0.5"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, frame: dict[str, Any], complaint: str) -> None:
    file = tmp_path / "train.parquet"
    pd.DataFrame(frame).to_parquet(file)
    with pytest.raises(DataError, match=complaint):
        Texts.read(file, 3)


def test_what_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "train.parquet"
    file.write_text("text,label\n")
    with pytest.raises(DataError, match="cannot be read as a Parquet file"):
        Texts.read(file, 3)
