"""Rows with categories and dates, as clients send them and as they are answered."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from service.protocol.records import RecordReader
from service.version_folder import read_manifest
from tests.conftest import Exported
from tests.own_table import ROW
from tests.service.client import Service, serving

URL = "/v1/models/loans:predict"
NAMES = ("amount", "city", "member", "since", "grade")


@pytest.fixture(scope="module")
def service(loans: Exported) -> Iterator[Service]:
    with serving(loans.repository, max_rows=100) as service:
        yield service


@pytest.fixture
def reader(loans: Exported) -> RecordReader:
    return RecordReader(read_manifest(loans.folder).table, 100)


def rows_of(reader: RecordReader, *instances: Any) -> Any:
    return reader.read(json.dumps({"instances": instances}).encode()).rows


def answers(service: Service, *instances: Any) -> list[dict[str, Any]]:
    response = service.client.post(URL, json={"instances": instances})
    assert response.status_code == 200, response.text
    predictions: list[dict[str, Any]] = response.json()["predictions"]
    return predictions


def test_a_row_by_name_and_as_a_list_is_answered_alike(service: Service) -> None:
    by_name, as_list = answers(service, ROW, [ROW[name] for name in NAMES])
    assert by_name == as_list
    reliability = by_name["reliability"]
    assert reliability["unseen"] == []
    assert tuple(reliability["sensitivity"]) == NAMES
    norm = np.linalg.norm(list(reliability["sensitivity"].values()))
    assert reliability["jacobian_norm"] == pytest.approx(norm, rel=1e-5)
    assert min(reliability["sensitivity"][name] for name in NAMES[1:]) >= 0
    assert set(by_name["probabilities"]) == {"no", "yes"}


def test_an_unseen_category_is_answered_said_counted_and_untypical(service: Service, loans: Exported) -> None:
    metric = "chainzrule_feature_out_of_range_total{feature=city,model=loans,version=1}"
    before = service.samples()[metric]
    usual, unseen = answers(service, ROW, ROW | {"city": "Atlantis"})
    assert (usual["reliability"]["unseen"], unseen["reliability"]["unseen"]) == ([], ["city"])
    smallest = read_manifest(loans.folder).reference.smallest_typicality
    assert unseen["reliability"]["typicality"] == pytest.approx(smallest, abs=1e-5)
    assert unseen["reliability"]["out_of_distribution"]
    assert unseen["reliability"]["score"] < usual["reliability"]["score"]
    assert unseen["reliability"]["typicality"] < usual["reliability"]["typicality"]
    assert service.samples()[metric] == before + 1


def test_missing_values_are_counted_by_feature(service: Service) -> None:
    metric = "chainzrule_feature_missing_total{feature=grade,model=loans,version=1}"
    before = service.samples()[metric]
    answers(service, ROW, ROW | {"grade": "A"})
    assert service.samples()[metric] == before + 1


def test_values_become_the_numbers_that_the_manifest_says(reader: RecordReader, loans: Exported) -> None:
    _, city, _, _, grade = read_manifest(loans.folder).table.features
    assert (city.kind, grade.kind) == ("category", "category")
    [row] = rows_of(reader, ROW)
    assert row[0] == 900
    assert city.categories[int(row[1])] == "Oslo"  # type: ignore[union-attr]
    assert row[3] == 19782  # days from 1970 to 29 February 2024
    assert np.isnan(row[4])


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("member", True, "true"),
        ("member", False, "False"),
        ("city", "Oslo", "  Oslo "),
        ("grade", None, ""),
        ("since", "2024-02-29", "2024-02-29T00:00:00Z"),
        ("since", "2024-02-28T22:00:00Z", "2024-02-29T00:00:00+02:00"),
        ("city", 7, "nowhere"),
        ("amount", 900, 900.0),
    ],
)
def test_values_that_mean_the_same_are_the_same(reader: RecordReader, name: str, one: Any, other: Any) -> None:
    rows = rows_of(reader, ROW | {name: one}, ROW | {name: other})
    np.testing.assert_array_equal(rows[0], rows[1])


def test_columns_that_training_dropped_are_ignored_whatever_they_hold(service: Service) -> None:
    without = {name: value for name, value in ROW.items() if name != "number"}
    plain, more, nested = answers(service, without, ROW | {"country": "YY"}, ROW | {"number": {"a": [1, "b"]}})
    assert plain == more == nested


@pytest.mark.parametrize(
    ("change", "code", "field", "words"),
    [
        ({"city": 1.5}, "wrong_type", "city", "city of row 1 is a number: send a text"),
        ({"city": ["Oslo"]}, "wrong_type", "city", "city of row 1 is a list: send a text"),
        ({"since": "yesterday"}, "wrong_type", "since", "'yesterday', which is no date: send a date in ISO 8601"),
        ({"since": "2023-02-30"}, "wrong_type", "since", "'2023-02-30', which is no date"),
        ({"since": 19782}, "wrong_type", "since", "since of row 1 is a number: send a date in ISO 8601"),
        ({"amount": "900"}, "wrong_type", "amount", "amount of row 1 is a text: send a number"),
        ({"amount": True}, "wrong_type", "amount", "amount of row 1 is a boolean: send a number"),
        ({"amount": 1e300}, "non_finite_value", "amount", "too large for a 32-bit float"),
        ({"city": None}, "non_finite_value", "city", "always known: send a value"),
        ({"since": " "}, "non_finite_value", "since", "always known: send a value"),
        ({"town": "Oslo"}, "unknown_feature", "town", "unknown feature 'town'"),
        ({"paid": "yes"}, "unknown_feature", "paid", "unknown feature 'paid'"),
    ],
)
def test_a_wrong_value_is_named_by_row_and_feature(
    service: Service, change: dict[str, Any], code: str, field: str, words: str
) -> None:
    response = service.client.post(URL, json={"instances": [ROW, ROW | change]})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["row"], error["field"]) == (400, code, 1, field)
    assert words in error["message"]


def test_the_second_protocol_takes_the_codes_and_lists_the_categories(service: Service, reader: RecordReader) -> None:
    metadata = service.client.get("/v2/models/loans").json()
    assert metadata["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, 5]}]
    categories = json.loads(metadata["properties"]["categories"])
    assert set(categories) == {"city", "member", "grade"}
    assert sorted(categories["city"]) == ["Bonn", "Oslo", "Rome"]
    assert json.loads(metadata["properties"]["days_since_1970"]) == ["since"]
    row = [None if np.isnan(value) else float(value) for value in rows_of(reader, ROW)[0]]
    tensor = {"name": "features", "shape": [1, 5], "datatype": "FP32", "data": row}
    found = service.client.post("/v2/models/loans/infer", json={"inputs": [tensor]}).json()["outputs"]
    [expected] = answers(service, ROW)
    by_name = {output["name"]: output["data"] for output in found}
    assert by_name["reliability"][0] == pytest.approx(expected["reliability"]["score"])
    for code in (3, 0.5, -2):
        tensor["data"] = [row[0], code, *row[2:]]
        response = service.client.post("/v2/models/loans/infer", json={"inputs": [tensor]})
        assert response.status_code == 400
        assert "counted from 0 to 2, -1 for any other" in response.json()["error"]


def test_the_examples_in_the_documentation_are_answered(service: Service) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    for path, url in (("/v1/models/{name}:predict", URL), ("/v2/models/{name}/infer", "/v2/models/loans/infer")):
        examples = paths[path]["post"]["requestBody"]["content"]["application/json"]["examples"]
        assert service.client.post(url, json=examples["loans"]["value"]).status_code == 200
