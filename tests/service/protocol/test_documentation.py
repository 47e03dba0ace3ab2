import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from fastapi.openapi.utils import get_openapi

from tests.conftest import Exported
from tests.service.client import Service, serving


@pytest.fixture(scope="module")
def service(every_kind: Path) -> Iterator[Service]:
    with serving(every_kind) as service:
        yield service


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def examples(document: dict[str, Any], path: str) -> dict[str, Any]:
    content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return {name: example["value"] for name, example in content["examples"].items()}


def test_every_example_is_answered_as_it_stands(service: Service) -> None:
    tried = 0
    document = service.client.get("/openapi.json").json()
    for path, method, operation in operations(document):
        for parameter in (one for one in operation.get("parameters", ()) if one["in"] == "path"):
            path = path.replace("{" + parameter["name"] + "}", parameter["example"])  # noqa: PLW2901
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for name, example in body.get("examples", {"photos": {"value": None}}).items():
            of_model = path.replace("/photos", f"/{name}")
            if path.endswith(":feedback"):
                predict = "/v1/models/{name}:predict"
                answer = service.client.post(predict.replace("{name}", name), json=examples(document, predict)[name])
                example["value"]["feedback"][0]["id"] = answer.json()["id"]
            response = service.client.request(method, of_model, json=example["value"])
            assert response.status_code == 200, (of_model, response.text)
            tried += 1
    assert tried == 12 + 6 * 4


def test_the_description_is_made_anew_only_when_other_models_are_served(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Mock(wraps=get_openapi)
    monkeypatch.setattr("service.protocol.documentation.get_openapi", make)
    shutil.copytree(exported.repository, tmp_path, dirs_exist_ok=True)
    with serving(tmp_path) as served:

        def named() -> list[str]:
            return list(examples(served.client.get("/openapi.json").json(), "/v1/models/{name}:predict"))

        assert [named() for _ in range(3)] == [["plant"]] * 3
        served.core.repository.load("plant")
        assert named() == ["plant"]
        assert make.call_count == 1
        served.core.repository.unload("plant")
        assert [named() for _ in range(3)] == [[]] * 3
        assert make.call_count == 2


def test_every_operation_is_described(service: Service) -> None:
    for path, method, operation in operations(service.client.get("/openapi.json").json()):
        assert operation.get("description"), (method, path)
        assert "422" not in operation["responses"], (method, path)


def test_binary_bodies_and_every_error_are_described(service: Service) -> None:
    for path, _, operation in operations(service.client.get("/openapi.json").json()):
        shape = "string" if path.startswith("/v2") else "object"
        for status, response in operation["responses"].items():
            if status != "200" and not path.startswith("/v2/health/"):
                error = response["content"]["application/json"]["schema"]["properties"]["error"]
                assert error["type"] == shape, (path, status)
        if path.endswith((":predict", "/infer")):
            assert set(operation["responses"]) == {"200", "400", "404", "408", "413", "415", "500", "503", "504"}
        if path.endswith(":feedback"):
            errors = {"400", "403", "404", "408", "409", "410", "413", "415", "500", "503"}
            assert set(operation["responses"]) == {"200", *errors}
        if path.endswith((":predict", "/infer")):
            assert "X-Prediction-Id" in operation["responses"]["200"]["headers"]
        if path.endswith("/infer"):
            media = {"application/json", "application/octet-stream"}
            assert set(operation["requestBody"]["content"]) == media
            assert set(operation["responses"]["200"]["content"]) == media
            assert "Inference-Header-Content-Length" in operation["responses"]["200"]["headers"]
            assert "Inference-Header-Content-Length" in [parameter["name"] for parameter in operation["parameters"]]


def test_where_keys_are_needed_the_description_says_so(exported: Exported) -> None:
    keys = {"api_keys": "0123456789abcdef", "admin_keys": "fedcba9876543210"}
    with serving(exported.repository, **keys) as service:
        document = service.client.get("/openapi.json", headers={"Authorization": f"Bearer {keys['api_keys']}"}).json()
    assert {"200", "400", "401", "403"} < set(document["paths"]["/v2/repository/index"]["post"]["responses"])
    assert all("401" in operation["responses"] for _, _, operation in operations(document))


def test_the_page_needs_nothing_from_elsewhere(service: Service) -> None:
    page = service.client.get("/docs").text
    assert "https://" not in page
    assert service.client.get("/static-offline-docs/swagger-ui-bundle.js").status_code == 200


def test_a_service_without_models_still_describes_itself(tmp_path: Path) -> None:
    with serving(tmp_path) as empty:
        assert "/v1/models/{name}:predict" in empty.client.get("/openapi.json").json()["paths"]
