"""The model repository extension, as Triton's clients speak it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Exported
from tests.service.client import Service, serving

KEY = "admin-key-0123456789"
READY = {"name": "plant", "version": "1", "state": "READY", "reason": ""}


@pytest.fixture
def service(exported: Exported, tmp_path: Path) -> Iterator[Service]:
    shutil.copytree(exported.repository, tmp_path / "models")
    with serving(tmp_path / "models", admin_keys=KEY, repository_mode="explicit") as service:
        service.client.headers["authorization"] = f"Bearer {KEY}"
        yield service


def test_lists_versions_with_what_keeps_them_from_being_served(service: Service) -> None:
    assert service.client.post("/v2/repository/index").json() == [READY]
    assert service.client.post("/v2/repository/models/plant/unload").status_code == 200
    unloaded = READY | {"state": "UNAVAILABLE", "reason": "unloaded by request"}
    assert service.client.post("/v2/repository/index", json={}).json() == [unloaded]
    assert service.client.post("/v2/repository/index", json={"ready": True}).json() == []


def test_unloads_and_loads_and_the_metrics_follow(service: Service) -> None:
    body = {"instances": [[20, 5, 1000, 0]]}
    for action, status, ready in (("unload", 503, 0), ("load", 200, 1)):
        assert service.client.post(f"/v2/repository/models/plant/{action}", json={}).content == b""
        assert service.client.post("/v1/models/plant:predict", json=body).status_code == status
        assert service.samples()["chainzrule_model_ready{model=plant,version=1}"] == ready


def test_what_a_client_may_say_of_a_model_is_its_name(service: Service) -> None:
    for parameters in ({"config": "{}"}, {"file:1/model.onnx": "AAAA"}, {"x" * 10_000: True}):
        answer = service.client.post("/v2/repository/models/plant/load", json={"parameters": parameters})
        assert answer.status_code == 403
        assert len(answer.content) < 400
    dependents = {"parameters": {"unload_dependents": True}}
    assert service.client.post("/v2/repository/models/plant/unload", json=dependents).status_code == 200


@pytest.mark.parametrize("name", ["mill", "..", "%2e%2e", "%2e%2e%2fmodels%2fplant", "plant%00", ".", "~", "x" * 3000])
@pytest.mark.parametrize("action", ["load", "unload"])
def test_no_name_leads_out_of_the_repository(service: Service, name: str, action: str) -> None:
    answer = service.client.post(f"/v2/repository/models/{name}/{action}")
    assert answer.status_code == 404
    assert len(answer.content) < 400
    assert service.client.post("/v2/repository/index").json() == [READY]


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"ready": 1}', b"\xff", b"[" * 100_000, b'{"ready": NaN}'])
def test_a_body_that_is_none_is_a_400(service: Service, content: bytes) -> None:
    answer = service.client.post("/v2/repository/index", content=content)
    assert answer.status_code == 400
    assert isinstance(answer.json()["error"], str)


def test_a_version_that_cannot_be_loaded_is_a_400_with_the_reason(service: Service, tmp_path: Path) -> None:
    model = tmp_path / "models" / "plant" / "1" / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1])
    answer = service.client.post("/v2/repository/models/plant/load")
    assert answer.status_code == 400
    assert "model.onnx" in answer.json()["error"]
    # What was served before still is.
    (found,) = service.client.post("/v2/repository/index").json()
    assert found["state"] == "READY"
    assert found["reason"]
