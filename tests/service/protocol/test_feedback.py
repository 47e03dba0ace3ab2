"""True labels over HTTP, and what is scraped of them."""

import asyncio
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from service.app import create_app
from service.core import make_core
from service.settings import Settings
from tests.conftest import Exported, make_table
from tests.service.client import Service, serving

PREDICT, FEEDBACK = "/v1/models/plant:predict", "/v1/models/plant:feedback"
ROW = [20, 5, 1000, 0]


@pytest.fixture
def service(exported: Exported) -> Iterator[Service]:
    with serving(exported.repository, max_rows=100, feedback_rows=200) as service:
        yield service


def predict(service: Service, rows: int = 1) -> dict[str, Any]:
    answer: dict[str, Any] = service.client.post(PREDICT, json={"instances": [ROW] * rows}).json()
    return answer


def tell(service: Service, *told: object, url: str = FEEDBACK) -> tuple[int, dict[str, Any]]:
    response = service.client.post(url, content=json.dumps({"feedback": told}))
    return response.status_code, response.json()


def test_every_row_told_is_counted_by_band_and_outcome(service: Service) -> None:
    table = make_table(80, seed=6)[0].fillna(20)
    answer = service.client.post(PREDICT, json={"instances": table.to_numpy().tolist()}).json()
    predictions = answer["predictions"]
    told = [
        {"id": answer["id"], "row": row, "label": prediction["label"] if row % 4 else "low"}
        for row, prediction in enumerate(predictions)
    ]
    assert tell(service, *told) == (200, {"accepted": 80, "refused": []})
    samples = service.samples()
    edges = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    used = 0
    for low, high in pairwise(edges):
        rows = [row for row in range(80) if low <= predictions[row]["reliability"]["score"] < high]
        right = sum(told[row]["label"] == predictions[row]["label"] for row in rows)
        labels = f"band={low}-{high},model=plant"
        assert samples[f"chainzrule_feedback_rows_total{{{labels},outcome=confirmed,version=1}}"] == right
        assert samples[f"chainzrule_feedback_rows_total{{{labels},outcome=wrong,version=1}}"] == len(rows) - right
        expected = sum(1 - predictions[row]["reliability"]["score"] for row in rows)
        found = samples[f"chainzrule_feedback_expected_errors_total{{{labels},version=1}}"]
        assert found == pytest.approx(expected, rel=1e-5)
        used += bool(rows)
    assert used > 3


def test_the_id_is_in_the_answer_and_in_both_protocols_headers(service: Service) -> None:
    friendly = service.client.post(PREDICT, json={"instances": [ROW]})
    assert friendly.headers["x-prediction-id"] == friendly.json()["id"]
    tensor = {"name": "features", "shape": [1, 4], "datatype": "FP32", "data": ROW}
    other = service.client.post("/v2/models/plant/infer", json={"inputs": [tensor]})
    assert "id" not in other.json()
    told = [{"id": each.headers["x-prediction-id"], "label": "low"} for each in (friendly, other)]
    assert tell(service, *told, url="/v1/models/plant/versions/1:feedback") == (200, {"accepted": 2, "refused": []})


def test_what_is_refused_is_said_beside_what_is_accepted_and_counted(service: Service) -> None:
    name = predict(service, 2)["id"]
    status, answer = tell(
        service,
        {"id": name, "label": "low"},
        {"id": name, "label": "low"},
        {"id": name, "label": "low", "row": 2},
        {"id": name, "label": "green", "row": 1},
        {"id": "nothing", "label": "low"},
        {"id": name},
        7,
        {"id": name, "label": "low", "row": -1},
        {"id": name, "label": "low", "row": 1},
    )
    assert (status, answer["accepted"]) == (200, 2)
    codes = [
        "feedback_duplicate",
        "feedback_row",
        "feedback_label",
        "feedback_unknown",
        "malformed_request",
        "malformed_request",
        "malformed_request",
    ]
    assert [(each["index"], each["code"]) for each in answer["refused"]] == list(enumerate(codes, 1))
    assert "its classes are high, low, medium" in answer["refused"][2]["message"]
    assert "tell the replica that gave it" in answer["refused"][3]["message"]
    samples = service.samples()
    for code in codes:
        assert samples[f"chainzrule_errors_total{{code={code}}}"] == codes.count(code)


def test_where_nothing_is_accepted_the_first_refusal_is_the_error(service: Service) -> None:
    name = predict(service)["id"]
    tell(service, {"id": name, "label": "low"})
    duplicate, unknown = {"id": name, "label": "low"}, {"id": "nothing", "label": "low"}
    for told, expected in [
        ((duplicate, unknown), (409, "feedback_duplicate")),
        ((unknown, duplicate), (404, "feedback_unknown")),
        (({"id": name, "row": 9, "label": "low"},), (400, "feedback_row")),
        (({"id": name, "label": 3},), (400, "malformed_request")),
        (({"id": "\ud800", "label": "low"},), (400, "malformed_request")),
    ]:
        status, answer = tell(service, *told)
        assert (status, answer["error"]["code"]) == expected
    samples = service.samples()
    assert samples["chainzrule_errors_total{code=feedback_duplicate}"] == 2
    assert samples["chainzrule_errors_total{code=feedback_unknown}"] == 2
    for _ in range(3):
        predict(service, 100)
    status, answer = tell(service, {"id": name, "label": "low"})
    assert (status, answer["error"]["code"]) == (410, "feedback_expired")
    assert "raise feedback_rows" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_request"),
        (b"[]", 400, "malformed_request"),
        (b'{"feedback": {}}', 400, "malformed_request"),
        (b'{"feedback": []}', 400, "empty_batch"),
        (b'{"feedback": [' + b"0," * 100 + b"0]}", 413, "too_many_rows"),
        (b" " * (4 * 2**20 + 1), 413, "body_too_large"),
    ],
)
def test_a_bad_body_is_refused_whole(service: Service, body: bytes, status: int, code: str) -> None:
    response = service.client.post(FEEDBACK, content=body)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


def test_another_model_or_version_knows_nothing_of_the_answer(service: Service) -> None:
    told = {"id": predict(service)["id"], "label": "low"}
    status, answer = tell(service, told, url="/v1/models/mill:feedback")
    assert (status, answer["error"]["code"]) == (404, "model_not_found")
    status, answer = tell(service, told, url="/v1/models/plant/versions/2:feedback")
    assert (status, answer["error"]["code"]) == (404, "feedback_unknown")


def test_feedback_is_posted_not_got(service: Service) -> None:
    response = service.client.get(FEEDBACK)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_where_no_rows_are_remembered_there_is_no_id_and_feedback_is_forbidden(exported: Exported) -> None:
    with serving(exported.repository, feedback_rows=0) as service:
        response = service.client.post(PREDICT, json={"instances": [ROW]})
        assert "id" not in response.json()
        assert "x-prediction-id" not in response.headers
        status, answer = tell(service, {"id": "any", "label": "low"})
    assert (status, answer["error"]["code"]) == (403, "forbidden")
    assert "feedback_rows" in answer["error"]["message"]


def test_health_answers_while_much_feedback_is_counted(exported: Exported) -> None:
    rows = 10_000
    app = create_app(make_core(Settings(repository=exported.repository, threads=1, deadline_seconds=60)))

    async def call(method: str, path: str, content: bytes) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []
        messages = iter([{"type": "http.request", "body": content, "more_body": False}])

        async def receive() -> dict[str, Any]:
            for message in messages:
                return message
            await asyncio.sleep(60)  # the client stays
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": []}
        await app(scope, receive, send)
        return sent

    async def scenario() -> int:
        answered = await call("POST", PREDICT, json.dumps({"instances": [ROW] * rows}).encode())
        name = json.loads(answered[1]["body"])["id"]
        body = json.dumps({"feedback": [{"id": name, "row": row, "label": "low"} for row in range(rows)]}).encode()
        telling = asyncio.create_task(call("POST", FEEDBACK, body))
        probes = 0
        while not telling.done():
            assert (await call("GET", "/v2/health/live", b""))[0]["status"] == 200
            probes += 1
            await asyncio.sleep(0)
        assert json.loads(telling.result()[1]["body"])["accepted"] == rows
        return probes

    assert asyncio.run(scenario()) > 5
