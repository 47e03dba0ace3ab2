import asyncio
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ServiceError
from service.protocol.instances import TableReader
from service.version_folder import read_manifest
from tests.conftest import FEATURES, Exported, make_table
from tests.service.client import Service, serving

URL = "/v1/models/plant:predict"
ROW = {"temperature": 25.5, "pressure": 6, "flow rate": 800.0, "age": 0.5}


@pytest.fixture(scope="module")
def service(exported: Exported) -> Iterator[Service]:
    with serving(exported.repository, max_rows=100, max_body_bytes=20_000) as service:
        yield service


def test_a_row_by_name_and_as_a_list_has_the_same_full_answer(service: Service) -> None:
    response = service.client.post(URL, json={"instances": [ROW, list(ROW.values())]})
    assert response.status_code == 200
    answer = response.json()
    assert (answer["model_name"], answer["model_version"]) == ("plant", "1")
    by_name, as_list = answer["predictions"]
    assert by_name == as_list
    assert set(by_name) == {"label", "probabilities", "reliability"}
    assert by_name["label"] == max(by_name["probabilities"], key=by_name["probabilities"].get)
    assert sum(by_name["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    reliability = by_name["reliability"]
    assert set(reliability) == {
        "score",
        "advice",
        "typicality",
        "out_of_distribution",
        "boundary_distance",
        "jacobian_norm",
        "tail_ratio",
        "sensitivity",
    }
    assert set(reliability["sensitivity"]) == set(FEATURES)
    assert reliability["jacobian_norm"] == pytest.approx(np.linalg.norm(list(reliability["sensitivity"].values())))
    assert 0 < reliability["typicality"] <= 1
    assert 0 < reliability["score"] < 1


def test_answers_are_the_models_own_row_for_row(service: Service) -> None:
    table = make_table(60, seed=6)[0]
    instances = [[None if np.isnan(value) else value for value in row] for row in table.to_numpy().tolist()]
    predictions = service.client.post(URL, json={"instances": instances}).json()["predictions"]
    scores = service.core.repository.get("plant").score(table.to_numpy(np.float32))
    for index, prediction in enumerate(predictions):
        assert prediction["reliability"]["score"] == pytest.approx(scores["reliability"][index], rel=1e-6)
        assert list(prediction["reliability"]["sensitivity"].values()) == pytest.approx(
            scores["sensitivity"][index].tolist(), rel=1e-5, abs=1e-6
        )


def test_every_row_has_the_advice_that_the_manifests_levels_give(service: Service) -> None:
    table = make_table(90, seed=6)[0].fillna(20)
    table.loc[80:] = 1e9
    predictions = service.client.post(URL, json={"instances": table.to_numpy().tolist()}).json()["predictions"]
    thresholds = service.core.repository.get("plant").manifest.reference.thresholds
    assert thresholds.review.score is not None
    assert thresholds.reject.score is not None
    for reliability in (prediction["reliability"] for prediction in predictions):
        met = sum(reliability["score"] >= level for level in (thresholds.reject.score, thresholds.review.score))
        assert reliability["advice"] == ("reject", "review", "accept")[met]
        strange = reliability["typicality"] <= thresholds.out_of_distribution.typicality
        assert reliability["out_of_distribution"] is strange
    assert {prediction["reliability"]["advice"] for prediction in predictions} == {"reject", "review", "accept"}
    assert all(prediction["reliability"]["out_of_distribution"] for prediction in predictions[80:])


def test_the_order_of_names_does_not_matter_and_null_is_a_missing_value(service: Service) -> None:
    shuffled = dict(reversed(ROW.items()))
    first, second = (service.client.post(URL, json={"instances": [row]}).json() for row in (ROW, shuffled))
    assert first["predictions"] == second["predictions"]
    missing = service.client.post(URL, json={"instances": [{**ROW, "temperature": None}]})
    assert missing.status_code == 200


def test_a_version_can_be_named(service: Service) -> None:
    url = "/v1/models/plant/versions/1:predict"
    assert service.client.post(url, json={"instances": [ROW]}).status_code == 200


def refuse(service: Service, body: Any, url: str = URL) -> tuple[int, dict[str, Any]]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = service.client.post(url, content=content)
    assert response.headers["content-type"] == "application/json"
    return response.status_code, response.json()["error"]


@pytest.mark.parametrize(
    ("instance", "code", "field", "words"),
    [
        ({**ROW, "preasure": 5}, "unknown_feature", "preasure", "unknown feature 'preasure'"),
        ({"temperature": 1, "presure": 2, "flow rate": 3, "age": 4}, "unknown_feature", "presure", "mean 'pressure'?"),
        ({**ROW, "colour": 1}, "unknown_feature", "colour", "takes temperature, pressure, flow rate, age"),
        ({**ROW, "FLOW": 1}, "unknown_feature", "FLOW", "did you mean 'flow rate'?"),
        ({**ROW, "x" * 9000: 1}, "unknown_feature", "x" * 64 + "…", "takes temperature"),
        ({"temperature": 1, "age": 2}, "missing_feature", "pressure", "lacks pressure, flow rate: send every feature"),
        ({**ROW, "age": "old"}, "wrong_type", "age", "age of row 1 is a text"),
        ({**ROW, "age": True}, "wrong_type", "age", "age of row 1 is a boolean"),
        ({**ROW, "age": [1]}, "wrong_type", "age", "age of row 1 is a list"),
        ({**ROW, "pressure": None}, "non_finite_value", "pressure", "pressure of row 1 is missing"),
        ({**ROW, "pressure": 1e39}, "non_finite_value", "pressure", "too large for a 32-bit float"),
        ([1, 2, 3], "wrong_type", None, "row 1 has 3 values and the model takes 4: temperature"),
        ([1, 2, 3, 4, 5], "wrong_type", None, "row 1 has 5 values"),
        ([1, 2, 3, "4"], "wrong_type", "age", "age of row 1 is a text"),
        (7, "wrong_type", None, "row 1 is a number"),
        (None, "wrong_type", None, "row 1 is null"),
        ("plant", "wrong_type", None, "row 1 is a text"),
    ],
)
def test_a_bad_row_is_refused_by_row_and_field(
    service: Service, instance: object, code: str, field: str | None, words: str
) -> None:
    status, error = refuse(service, {"instances": [ROW, instance]})
    assert status == 400
    assert (error["code"], error["row"], error.get("field")) == (code, 1, field)
    assert words in error["message"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_request"),
        (b"{", 400, "malformed_request"),
        (b'{"instances": [[NaN, 1, 1, 1]]}', 400, "non_finite_value"),
        (
            b'{"instances": [{"temperature": -Infinity, "pressure": 1, "flow rate": 1, "age": 1}]}',
            400,
            "non_finite_value",
        ),
        (b'{"instances": [[1e999, 1, 1, 1]]}', 400, "non_finite_value"),
        (b'{"instances": [[' + b"9" * 5000 + b", 1, 1, 1]]}", 400, "malformed_request"),
        (b'{"instances": [' + b"[]," * 5000 + b"[]]}", 413, "too_many_rows"),
        (b'{"instances": "\xff"}', 400, "malformed_request"),
        (b'{"instances": ' + b"[" * 9000, 400, "malformed_request"),
        (b"[" * 9000 + b"]" * 9000, 400, "malformed_request"),
        ([], 400, "malformed_request"),
        ({}, 400, "malformed_request"),
        ({"instances": {}}, 400, "malformed_request"),
        ({"instances": None}, 400, "malformed_request"),
        ({"instances": []}, 400, "empty_batch"),
        ({"instances": [[1, 1, 1, 1]] * 101}, 413, "too_many_rows"),
        (b" " * 20_001, 413, "body_too_large"),
    ],
)
def test_a_bad_body_is_refused(service: Service, body: object, status: int, code: str) -> None:
    found, error = refuse(service, body)
    assert (found, error["code"]) == (status, code)


def test_an_announced_length_beyond_counting_is_too_large(service: Service) -> None:
    response = service.client.post(URL, content=b"{}", headers={"Content-Length": "9" * 5000})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "body_too_large")


def test_a_streamed_body_is_limited_too(service: Service) -> None:
    response = service.client.post(URL, content=(b" " * 1000 for _ in range(30)))
    assert (response.status_code, response.json()["error"]["code"]) == (413, "body_too_large")
    assert "20000 bytes" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("url", "field"),
    [
        ("/v1/models/mill:predict", "model"),
        ("/v1/models/plant/versions/2:predict", "version"),
        ("/v1/models/plant/versions/x:predict", "version"),
        ("/v1/models/%2e%2e:predict", "model"),
    ],
)
def test_an_unknown_model_or_version_is_a_404_before_its_body_is_read(service: Service, url: str, field: str) -> None:
    status, error = refuse(service, b"{", url)
    assert (status, error["code"], error["field"]) == (404, "model_not_found", field)


def test_a_prediction_is_posted_not_got(service: Service) -> None:
    for method in ("GET", "PUT", "OPTIONS"):
        response = service.client.request(method, URL)
        assert (response.status_code, response.json()["error"]["code"]) == (405, "method_not_allowed")
        assert response.headers["allow"] == "POST"


def test_a_client_that_hangs_up_is_no_failure_of_the_service(service: Service) -> None:
    scope = {
        "type": "http",
        "method": "POST",
        "path": URL,
        "headers": [(b"content-length", b"100")],
        "query_string": b"",
    }
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        await service.app(scope, receive, send)

    asyncio.run(ask())
    assert sent[0]["status"] == 499


def test_lists_and_describes_models(service: Service) -> None:
    assert service.client.get("/v1/models").json() == {"models": ["plant"]}
    assert service.client.get("/v1/models/plant").json() == {"name": "plant", "ready": True}
    assert service.client.get("/v1/models/mill").status_code == 404


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from([*FEATURES, "x"]), inner, max_size=5),
    max_leaves=12,
)


@given(body=st.binary(max_size=50) | JSON.map(lambda value: json.dumps({"instances": value}).encode()))
def test_whatever_is_sent_is_rows_or_a_refusal(exported: Exported, body: bytes) -> None:
    codec = TableReader(read_manifest(exported.folder).table, max_rows=100)
    try:
        rows = codec.read(body).rows
    except ServiceError:
        return
    assert rows.dtype == np.float32
    assert rows.shape[1] == 4
    assert not np.isinf(rows).any()
