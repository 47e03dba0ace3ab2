from pathlib import Path
from typing import Any

import pytest

from model_export.errors import DataError
from model_export.own_data.options import TableOptions

NOTHING: dict[str, Any] = {"task": None, "levels": None, "types": (), "drop": (), "group": None, "time": None}


def test_a_file_says_what_flags_would_and_flags_come_first(tmp_path: Path) -> None:
    file = tmp_path / "options.yaml"
    file.write_text(
        "# what is not to be found out\n"
        "task: ordinal\nlevels: [low, high]\ndrop:\n- id\ntime: since\ntypes:\n  zip: category\n"
    )
    read = TableOptions.read(file)
    assert read == TableOptions("ordinal", ("low", "high"), {"zip": "category"}, ("id",), None, "since")
    assert read.but(**NOTHING) == read
    said = read.but(**NOTHING | {"task": "multiclass", "types": ["a=b=date"], "drop": ["x"], "group": "who"})
    assert said == TableOptions(
        "multiclass", ("low", "high"), {"zip": "category", "a=b": "date"}, ("id", "x"), "who", None
    )
    assert read.but(**NOTHING | {"levels": "a, b"}).levels == ("a", "b")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("colour: 1", "has the option colour, and there are task, levels"),
        ("1: colour", "has the option 1, and there are task, levels"),
        ("drop: id", "drop in .* must be a list of texts"),
        ("levels: [yes, no]", "levels in .* must be a list of texts: write what YAML takes for .* in quotes"),
        ("types: number", "types in .* must be a mapping of kinds by column"),
        ("types: {2024: number}", "types in .* must be a mapping of kinds by column, texts both: .* in quotes"),
        ("task: 3", "task in .* must be a text"),
        ("task: guess", "no task is called 'guess'; there are binary"),
        ("types: {a: colour}", "no kind of column is called 'colour', asked for 'a'"),
        ("group: a\ntime: b", "split by group or by time, not by both"),
        ("task: [", "cannot be read"),
        ("task: !!python/object/apply:os.getcwd []", "cannot be read"),
        ("", "has no options"),
    ],
)
def test_options_that_cannot_be_are_refused(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "options.yaml"
    file.write_text(content)
    with pytest.raises(DataError, match=words):
        TableOptions.read(file)


def test_a_flag_that_says_no_kind_is_refused() -> None:
    with pytest.raises(DataError, match="--type zip says no kind: write --type COLUMN=KIND"):
        TableOptions().but(**NOTHING | {"types": ["zip"]})
