import asyncio
import json
from collections.abc import Iterator

import pytest
from starlette.types import Message, Receive, Scope, Send

from service import errors
from service.monitoring.logs import JsonFormatter
from service.monitoring.middleware import RequestFrame
from service.protocol.error_responses import STATUSES, ErrorAnswers, Failures, error_response
from tests.conftest import Exported
from tests.service.client import Service, serving


@pytest.fixture
def service(exported: Exported) -> Iterator[Service]:
    with serving(exported.repository) as service:
        yield service


def test_every_error_that_a_request_can_meet_has_a_status_and_a_code_of_its_own() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ServiceError)}
    assert kinds - set(STATUSES) == {errors.ServiceError}
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_the_framework_own_errors_have_the_same_shape(service: Service) -> None:
    missing = service.client.get("/nothing")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    wrong = service.client.delete("/v1/models")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET"


def test_an_unforeseen_failure_tells_the_client_nothing_of_the_inside(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret path")

    monkeypatch.setattr(service.core.repository, "get", fail)
    for path, kind in (("/v1/models/plant", dict), ("/v2/models/plant", str)):
        response = service.client.get(path)
        assert response.status_code == 500
        assert isinstance(response.json()["error"], kind)
        assert "secret" not in response.text
    assert service.samples()["chainzrule_http_requests_total{method=GET,route=/v1/models/{name},status=500}"] == 1


def test_an_unforeseen_failure_is_logged_whole_with_its_request_and_counted(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret path")

    monkeypatch.setattr(service.core.repository, "get", fail)
    caplog.handler.setFormatter(JsonFormatter())
    answer = service.client.get("/v1/models/plant", headers={"x-request-id": "abc"})
    assert answer.headers["x-request-id"] == "abc"
    (line,) = (json.loads(line) for line in caplog.text.splitlines())
    assert (line["message"], line["request_id"]) == ("request failed", "abc")
    assert line["route"] == "/v1/models/{name}"
    assert "RuntimeError: a secret path" in line["exception"]
    assert service.samples()["chainzrule_errors_total{code=internal_error}"] == 1


def test_half_an_answer_that_fails_is_broken_off(service: Service) -> None:
    async def half(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("a secret path")

    async def run() -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        answers = ErrorAnswers(service.core.metrics)
        frame = RequestFrame(Failures(Failures(half, answers), answers), service.core.metrics, lambda: False)
        with pytest.raises(RuntimeError):
            await frame({"type": "http", "path": "/", "method": "GET", "headers": []}, send, send)  # type: ignore[arg-type]
        return sent

    before = service.samples()["chainzrule_errors_total{code=internal_error}"]
    assert [message["type"] for message in asyncio.run(run())] == ["http.response.start"]
    assert service.samples()["chainzrule_errors_total{code=internal_error}"] == before + 1


@pytest.mark.parametrize("host", ["[", "a b", "[::1", "x:99999999", "\xff", ""])
def test_a_strange_host_header_fails_nothing(service: Service, host: str) -> None:
    for path, status in (("/nothing", 404), ("/v1/models", 200), ("/docs", 200)):
        answer = service.client.get(path, headers={b"host": host.encode("latin-1")})
        assert answer.status_code == status


def test_half_a_surrogate_pair_is_repeated_as_a_question_mark(service: Service) -> None:
    answer = service.client.post("/v1/models/plant:predict", content=rb'{"instances": [{"\ud800": 1}]}')
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unknown_feature")
    assert answer.json()["error"]["field"] == "?"


def test_a_long_path_is_not_repeated_whole(service: Service) -> None:
    answer = service.client.get("/" + "x" * 5000)
    assert answer.status_code == 404
    assert len(answer.content) < 400


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/v2/health/ready"])
def test_a_method_that_is_not_taken_is_a_405_that_names_those_that_are(
    service: Service, method: str, path: str
) -> None:
    answer = service.client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_every_kind_of_refusal_is_counted_by_its_code(service: Service) -> None:
    before = service.samples()
    service.client.get("/nothing")
    service.client.delete("/v1/models")
    service.client.get("/v1/models/mill")
    service.client.post("/v1/models/plant:predict", content=b"{")
    service.client.post("/v1/models/plant:predict", content=b"{")
    service.client.post("/v2/repository/index")
    after = service.samples()
    counted = {
        key.split("=")[1][:-1]: after[key] - before[key]
        for key in after
        if key.startswith("chainzrule_errors_total") and after[key] != before[key]
    }
    assert counted == {
        "not_found": 1,
        "method_not_allowed": 1,
        "model_not_found": 1,
        "malformed_request": 2,
        "forbidden": 1,
    }
    codes = {key for key in after if key.startswith("chainzrule_errors_total")}
    assert len(codes) == len(errors.ERROR_CODES)


def test_an_answer_that_is_not_finite_is_a_500_that_names_the_model(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise errors.NonFiniteOutputError("plant version 1 answered with a reliability that is not finite")

    monkeypatch.setattr(service.core.repository.get("plant"), "score", fail)
    response = service.client.post("/v1/models/plant:predict", json={"instances": [[1, 2, 3, 4]]})
    assert (response.status_code, response.json()["error"]["code"]) == (500, "non_finite_output")
    assert "request failed" in caplog.text


def test_row_and_field_are_there_only_where_they_are_known() -> None:
    error = errors.WrongTypeError("text", row=0, field="age")
    assert error_response("/v1/models/plant:predict", error).body == (
        b'{"error":{"code":"wrong_type","message":"text","row":0,"field":"age"}}'
    )
    assert error_response("/metrics", errors.ServiceError("text")).body == (
        b'{"error":{"code":"internal_error","message":"text"}}'
    )


def test_half_a_character_that_a_client_sent_can_be_answered(service: Service) -> None:
    response = service.client.post("/v1/models/plant:predict", content=b'{"instances": [{"a\\ud800": 1}]}')
    assert (response.status_code, response.json()["error"]["field"]) == (400, "a?")
