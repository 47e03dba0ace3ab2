"""Tables with a text, over both protocols."""

import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from service.version_folder import read_manifest
from tests.conftest import Exported
from tests.own_table import TICKET
from tests.service.client import Service, serving

PREDICT, INFER = "/v1/models/tickets:predict", "/v2/models/tickets/infer"
NUMBERS = [900.0, 1.0, 19782.0]
SENSED = ("message", "amount", "city", "since")


@pytest.fixture(scope="module")
def service(tickets: Exported) -> Iterator[Service]:
    with serving(tickets.repository, max_rows=300) as service:
        yield service


def answers(service: Service, *instances: Any) -> list[dict[str, Any]]:
    response = service.client.post(PREDICT, json={"instances": instances})
    assert response.status_code == 200, response.text
    predictions: list[dict[str, Any]] = response.json()["predictions"]
    return predictions


def tensors(numbers: list[list[float | None]], texts: list[Any]) -> list[dict[str, Any]]:
    return [
        {"name": "features", "shape": [len(numbers), 3], "datatype": "FP32", "data": numbers},
        {"name": "message", "shape": [len(texts)], "datatype": "BYTES", "data": texts},
    ]


def test_a_row_by_name_and_as_a_list_is_answered_alike(service: Service) -> None:
    by_name, as_list = answers(service, TICKET, list(TICKET.values()))
    assert by_name == as_list
    assert by_name["truncated"] is False
    reliability = by_name["reliability"]
    assert tuple(reliability["sensitivity"]) == SENSED
    assert reliability["jacobian_norm"] == pytest.approx(
        np.linalg.norm(list(reliability["sensitivity"].values())), 1e-5
    )
    assert min(reliability["sensitivity"][name] for name in ("message", "city", "since")) >= 0


@pytest.mark.parametrize("count", [1, 7, 300])
def test_as_many_rows_as_there_are_are_answered_each_by_itself(service: Service, count: int) -> None:
    words = ("good", "bad", "dull film", "")
    rows = [TICKET | {"message": f"the plot was {words[row % 4]}", "amount": 800 + row} for row in range(count)]
    found = answers(service, *rows)
    assert len(found) == count
    [last] = answers(service, rows[-1])
    assert found[-1]["probabilities"] == pytest.approx(last["probabilities"], abs=1e-5)


def test_a_long_text_is_cut_and_said_to_be_and_counted(service: Service) -> None:
    metrics = [
        "chainzrule_altered_rows_total{model=tickets,version=1}",
        "chainzrule_feature_out_of_range_total{feature=message,model=tickets,version=1}",
    ]
    before = service.samples()
    whole, cut = answers(service, TICKET, TICKET | {"message": "good film " * 40})
    assert (whole["truncated"], cut["truncated"]) == (False, True)
    after = service.samples()
    # Five words are fewer than any training text has, and 46 more.
    assert [after[name] - before[name] for name in metrics] == [1, 2]


@pytest.mark.parametrize("nothing", [None, "", "  ", "\u0007"])
def test_a_text_with_nothing_in_it_is_missing(service: Service, nothing: str | None) -> None:
    metric = "chainzrule_feature_missing_total{feature=message,model=tickets,version=1}"
    before = service.samples()[metric]
    found, missing = answers(service, TICKET | {"message": nothing}, TICKET | {"message": None})
    assert found == missing
    assert service.samples()[metric] == before + 2


@pytest.mark.parametrize(
    ("change", "code", "field", "words"),
    [
        ({"message": 3}, "wrong_type", "message", "message of row 1 is a number: send a text"),
        ({"message": ["good"]}, "wrong_type", "message", "message of row 1 is a list: send a text"),
        ({"amount": "a lot"}, "wrong_type", "amount", "amount of row 1 is a text: send a number"),
        ({"massage": "good"}, "unknown_feature", "massage", "unknown feature 'massage'"),
        ({"city": None}, "non_finite_value", "city", "always known: send a value"),
        ({"message": "\ud83d"}, "malformed_request", "message", "half of a surrogate pair"),
    ],
)
def test_a_wrong_value_is_named_by_row_and_feature(
    service: Service, change: dict[str, Any], code: str, field: str, words: str
) -> None:
    response = service.client.post(PREDICT, content=json.dumps({"instances": [TICKET, TICKET | change]}))
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["row"], error["field"]) == (400, code, 1, field)
    assert words in error["message"]


def test_where_training_knew_every_text_a_missing_one_is_refused(service: Service, tickets: Exported) -> None:
    table = read_manifest(tickets.folder).table
    known = table.features[0].model_copy(update={"may_be_missing": False})
    strict = table.model_copy(update={"features": (known, *table.features[1:])})
    from service.protocol.records import TextRecordReader

    assert strict.text is not None
    tokenizer = service.core.repository.get("tickets").tokenizer
    reader = TextRecordReader(strict, strict.text, tokenizer, 10)
    body = json.dumps({"instances": [TICKET, TICKET | {"message": " "}]}).encode()
    from service.errors import NonFiniteValueError

    with pytest.raises(
        NonFiniteValueError, match=r"message of row 1 is missing, .*: send a text with something to read"
    ):
        reader.read(body)


def test_the_second_protocol_takes_the_text_as_a_tensor_of_its_own(service: Service) -> None:
    metadata = service.client.get("/v2/models/tickets").json()
    assert metadata["inputs"] == [
        {"name": "features", "datatype": "FP32", "shape": [-1, 3]},
        {"name": "message", "datatype": "BYTES", "shape": [-1]},
    ]
    assert json.loads(metadata["properties"]["features"]) == list(SENSED)
    assert metadata["properties"]["text"] == "message"
    expected = answers(service, TICKET, TICKET | {"message": None})
    inputs = tensors([[*NUMBERS], [*NUMBERS]], [TICKET["message"], ""])
    for body in ({"inputs": inputs}, {"inputs": inputs[::-1]}):
        answer = service.client.post(INFER, json=body).json()
        check(answer, expected)
        assert answer["parameters"]["truncated_rows"] == 0


def check(answer: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    by_name = {output["name"]: output["data"] for output in answer["outputs"]}
    assert by_name["reliability"] == pytest.approx([row["reliability"]["score"] for row in expected], abs=1e-6)
    sensed = [value for row in expected for value in row["reliability"]["sensitivity"].values()]
    assert by_name["sensitivity"] == pytest.approx(sensed, abs=1e-6)


@pytest.mark.parametrize("order", [1, -1])
def test_both_tensors_may_be_binary_in_either_order_or_one_of_them(service: Service, order: int) -> None:
    expected = answers(service, TICKET, TICKET | {"message": None})
    text = str(TICKET["message"]).encode()
    parts = {
        "features": np.array([NUMBERS, NUMBERS], "<f4").tobytes(),
        "message": struct.pack("<I", len(text)) + text + struct.pack("<I", 0),
    }
    for binary in (("features", "message"), ("features",), ("message",)):
        inputs = tensors([[*NUMBERS], [*NUMBERS]], [TICKET["message"], ""])[::order]
        behind = b""
        for tensor in inputs:
            if tensor["name"] in binary:
                del tensor["data"]
                tensor["parameters"] = {"binary_data_size": len(parts[tensor["name"]])}
                behind += parts[tensor["name"]]
        head = json.dumps({"inputs": inputs}).encode()
        headers = {"inference-header-content-length": str(len(head))}
        check(service.client.post(INFER, content=head + behind, headers=headers).json(), expected)
        for wrong in (behind[:-1], behind + b"x"):
            response = service.client.post(INFER, content=head + wrong, headers=headers)
            assert response.status_code == 400, response.text


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (
            tensors([[*NUMBERS]], ["a"])[:1],
            "the inputs are 'features' and the model takes two, 'features' and 'message'",
        ),
        (tensors([[*NUMBERS]], ["a"])[:1] * 2, "the model takes two"),
        (tensors([[*NUMBERS]], ["a", "b"]), "features has 1 rows and message 2: send one text a row"),
        (tensors([[900.0, 7.0, 19782.0]], ["a"]), "city of row 0 is 7, and its categories are counted from 0 to 2"),
        (tensors([[*NUMBERS]], [1]), "the data of message is not texts"),
        (tensors([[900.0, None, 19782.0]], ["a"]), "city of row 0 is missing"),
        (tensors([], []), "there are no rows"),
        (tensors([[*NUMBERS]] * 301, ["a"] * 301), "301 rows are more than the 300 allowed"),
    ],
)
def test_wrong_tensors_are_refused(service: Service, inputs: list[dict[str, Any]], words: str) -> None:
    response = service.client.post(INFER, json={"inputs": inputs})
    assert response.status_code in {400, 413}
    assert words in response.json()["error"]


def test_a_body_without_json_cannot_say_where_the_numbers_end(service: Service) -> None:
    headers = {"inference-header-content-length": "0", "content-type": "application/octet-stream"}
    response = service.client.post(INFER, content=b"text", headers=headers)
    assert response.status_code == 400
    assert "the model takes the inputs features and message: send JSON" in response.json()["error"]


def test_the_examples_in_the_documentation_are_answered(service: Service) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    for path, url in (("/v1/models/{name}:predict", PREDICT), ("/v2/models/{name}/infer", INFER)):
        examples = paths[path]["post"]["requestBody"]["content"]["application/json"]["examples"]
        assert service.client.post(url, json=examples["tickets"]["value"]).status_code == 200
