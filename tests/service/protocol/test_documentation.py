from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Exported
from tests.service.client import Service, serving


@pytest.fixture(scope="module")
def service(exported: Exported) -> Iterator[Service]:
    with serving(exported.repository) as service:
        yield service


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_example_is_answered_as_it_stands(service: Service) -> None:
    tried = 0
    for path, method, operation in operations(service.client.get("/openapi.json").json()):
        for parameter in operation.get("parameters", ()):
            path = path.replace("{" + parameter["name"] + "}", parameter["example"])  # noqa: PLW2901
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for example in body.get("examples", {"none": {"value": None}}).values():
            response = service.client.request(method, path, json=example["value"])
            assert response.status_code == 200, (path, response.text)
            tried += 1
    assert tried == 14


def test_every_operation_is_described(service: Service) -> None:
    for path, method, operation in operations(service.client.get("/openapi.json").json()):
        assert operation.get("description"), (method, path)
        assert "422" not in operation["responses"], (method, path)


def test_the_page_needs_nothing_from_elsewhere(service: Service) -> None:
    page = service.client.get("/docs").text
    assert "https://" not in page
    assert service.client.get("/static-offline-docs/swagger-ui-bundle.js").status_code == 200


def test_a_service_without_models_still_describes_itself(tmp_path: Path) -> None:
    with serving(tmp_path) as empty:
        assert "/v1/models/{name}:predict" in empty.client.get("/openapi.json").json()["paths"]
