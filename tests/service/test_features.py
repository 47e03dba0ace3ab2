from pathlib import Path

import pytest
from pydantic import ValidationError

from service.dates import date_of, days_of
from service.inputs import CategoricalFeature, DateFeature, Feature, TableInput
from service.manifest import MANIFEST_FILE
from service.version_folder import read_manifest

NUMBER = {
    "name": "age",
    "minimum": 1,
    "maximum": 2,
    "mean": 1.5,
    "standard_deviation": 1,
    "may_be_missing": False,
    "missing_ratio": 0,
    "example": 1,
}
CITY = {
    "kind": "category",
    "name": "city",
    "categories": ["Oslo", "Rome"],
    "may_be_missing": True,
    "missing_ratio": 0.1,
    "example": "Oslo",
}
SINCE = {
    "kind": "date",
    "name": "since",
    "earliest": "2020-01-01",
    "latest": "2020-12-31",
    "mean": 18400,
    "standard_deviation": 100,
    "may_be_missing": False,
    "missing_ratio": 0,
    "example": "2020-06-01",
}


@pytest.mark.parametrize("folder", sorted(Path("deploy/models").glob("*/*")), ids=lambda folder: folder.parent.name)
def test_manifests_of_numbers_alone_are_written_as_they_were_before_there_were_kinds(folder: Path) -> None:
    assert read_manifest(folder).model_dump_json(indent=2) + "\n" == (folder / MANIFEST_FILE).read_text()


def test_a_feature_without_a_kind_is_a_number_and_others_survive_the_file() -> None:
    table = TableInput.model_validate({"features": [NUMBER, CITY, SINCE], "clamp": 10, "ignored": ["id"]})
    assert [type(feature) for feature in table.features] == [Feature, CategoricalFeature, DateFeature]
    assert not table.numbers_alone
    again = TableInput.model_validate_json(table.model_dump_json())
    assert again == table
    assert '"kind":"number"' not in table.model_dump_json()


def test_each_kind_says_its_range_and_its_example_as_the_tensor_has_them() -> None:
    number, city, since = TableInput.model_validate({"features": [NUMBER, CITY, SINCE], "clamp": 10}).features
    assert (number.bounds, number.usual) == ((1, 2), 1)
    assert (city.bounds, city.usual) == ((0, 1), 0)
    assert (since.bounds, since.usual) == ((days_of("2020-01-01"), days_of("2020-12-31")), days_of("2020-06-01"))


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (CITY | {"kind": "colour"}, "colour"),
        (CITY | {"categories": []}, "at least 1 item"),
        (SINCE | {"earliest": "1 January"}, "Invalid isoformat"),
        (NUMBER | {"name": "city"}, "city stands more often"),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(feature: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TableInput.model_validate({"features": [feature, CITY | {"name": "city"}], "clamp": 10})
    with pytest.raises(ValidationError, match="age stands more often"):
        TableInput.model_validate({"features": [NUMBER], "clamp": 10, "ignored": ["age"]})


def test_dates_are_days_since_1970_in_utc() -> None:
    assert (days_of("1970-01-01"), days_of("1969-12-31"), days_of("2024-02-29")) == (0, -1, 19782)
    assert days_of("1970-01-02T12:00") == 1.5
    assert days_of("1970-01-02T12:00:00+12:00") == 1
    assert (date_of(19782.5), date_of(0.5, times=True)) == ("2024-02-29", "1970-01-01T12:00:00")
    for text in ("0001-01-01", "9999-12-31"):
        assert date_of(days_of(text)) == text


def test_a_table_has_one_text_which_is_called_otherwise_than_its_tensor() -> None:
    text = {
        "kind": "text",
        "name": "note",
        "encoder": "made up",
        "dimensions": 4,
        "max_tokens": 8,
        "padding": 0,
        "example": "a text",
        "shortest": 3,
        "longest": 8,
        "may_be_missing": True,
        "missing_ratio": 0.1,
    }
    table = TableInput.model_validate({"features": [NUMBER, text], "clamp": 10})
    assert table.text is not None
    assert list(table.text.bounds) == [3, 8]
    assert not table.numbers_alone
    assert TableInput.model_validate_json(table.model_dump_json()) == table
    with pytest.raises(ValidationError, match="a table has one text at most, not note, other"):
        TableInput.model_validate({"features": [text, text | {"name": "other"}], "clamp": 10})
    with pytest.raises(ValidationError, match="a tensor is called features, and so is the text"):
        TableInput.model_validate({"features": [NUMBER, text | {"name": "features"}], "clamp": 10})
