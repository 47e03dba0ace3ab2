from collections.abc import Iterator

import pytest

from service import errors
from service.protocol.error_responses import STATUSES, error_response
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
