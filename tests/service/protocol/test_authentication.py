"""Who is let in, to what."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.protocol.authentication import Keys
from tests.conftest import Exported
from tests.service.client import Service, serving

OLD, NEW, FILED, ADMIN = "old-key-0123456789", "new-key-0123456789", "filed-key-0123456789", "admin-key-0123456789"
PREDICT = "/v1/models/plant:predict"
BODY = {"instances": [[20, 5, 1000, 0]]}


@pytest.fixture(scope="module")
def service(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    file = tmp_path_factory.mktemp("keys") / "keys"
    file.write_text(f"# since November\n  {FILED}  \n\n")
    with serving(exported.repository, api_keys=f"{OLD}, {NEW},", api_keys_file=file, admin_keys=ADMIN) as service:
        yield service


def bearer(key: str | bytes) -> dict[bytes, bytes]:
    return {b"authorization": b"Bearer " + (key.encode() if isinstance(key, str) else key)}


@pytest.mark.parametrize("key", [OLD, NEW, FILED])
def test_every_key_of_a_rotation_is_known(service: Service, key: str) -> None:
    assert service.client.post(PREDICT, json=BODY, headers=bearer(key)).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_schemes_case_does_not_matter(service: Service, scheme: str) -> None:
    assert service.client.get("/v1/models", headers={"authorization": f"{scheme}  {OLD} "}).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        b"",
        b"Bearer",
        b"Bearer ",
        OLD.encode(),
        b"Basic " + OLD.encode(),
        b"Bearer " + OLD.upper().encode(),
        b"Bearer " + OLD[:-1].encode(),
        b"Bearer " + OLD.encode() + b"x",
        b"Bearer " + OLD.encode() + b"," + NEW.encode(),
        b"Bearer \xff\xfe\x80",
        "Bearer schlüssel".encode(),
        b"Bearer " + ADMIN.encode(),
        b"Bearer # since November",
    ],
)
def test_anything_else_is_a_401_that_says_how(service: Service, authorization: bytes | None) -> None:
    headers = {} if authorization is None else {b"authorization": authorization}
    answer = service.client.post(PREDICT, json=BODY, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
    assert "Authorization: Bearer KEY" in answer.json()["error"]["message"]
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path",
    [
        "/docs",
        "/openapi.json",
        "/static-offline-docs/swagger-ui.css",
        "/v2",
        "/v1/models",
        "/nothing",
        "/v1/recent",
        "/v2/repository",
    ],
)
def test_with_keys_whatever_tells_of_models_is_not_public(service: Service, path: str) -> None:
    assert service.client.get(path).status_code == 401
    assert service.client.get(path, headers=bearer(OLD)).status_code != 401


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready", "/metrics"])
def test_health_and_metrics_are_public_unless_told_otherwise(service: Service, exported: Exported, path: str) -> None:
    assert service.client.get(path).status_code == 200
    with serving(exported.repository, api_keys=OLD, public_health=False, public_metrics=False) as closed:
        assert closed.client.get(path).status_code == 401
        assert closed.client.get(path, headers=bearer(OLD)).status_code == 200


@pytest.mark.parametrize("path", ["/", "/web/page.js", "/web/page.css"])
def test_the_page_which_holds_no_data_is_public(service: Service, path: str) -> None:
    assert service.client.get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v2/health/../models/plant",
        "/v2/health/%2e%2e/models/plant",
        "//metrics",
        "/metrics/",
        "/v2/healthy",
        "/web/",
        "/web/../v2",
    ],
)
def test_a_path_that_only_looks_public_is_not(service: Service, path: str) -> None:
    assert service.client.get(f"http://testserver{path}").status_code in {401, 404}  # "//" alone begins a host


def test_the_repository_api_takes_admin_keys_alone(service: Service) -> None:
    for key, status in ((OLD, 401), (ADMIN, 200)):
        assert service.client.post("/v2/repository/index", headers=bearer(key)).status_code == status
    assert service.client.post("/v2/repository/index").status_code == 401


def test_without_admin_keys_the_repository_api_is_off_for_everyone(exported: Exported) -> None:
    with serving(exported.repository) as service:
        for path in ("/v2/repository/index", "/v2/repository/models/plant/unload"):
            answer = service.client.post(path, headers=bearer(ADMIN))
            assert answer.status_code == 403
            assert "admin_keys" in answer.json()["error"]
        assert service.client.post(PREDICT, json=BODY).status_code == 200
        assert "model_repository" not in service.client.get("/v2").json()["extensions"]


def test_refusals_are_counted_and_name_no_path(service: Service) -> None:
    before = service.samples()
    service.client.get("/v1/a-path-of-the-clients")
    after = service.samples()
    requests = "chainzrule_http_requests_total{method=GET,route=unmatched,status=401}"
    assert after[requests] == before[requests] + 1
    code = "chainzrule_errors_total{code=unauthorized}"
    assert after[code] == before[code] + 1
    assert "a-path-of-the-clients" not in service.client.get("/metrics").text


def test_keys_are_held_as_digests() -> None:
    keys = Keys([OLD])
    assert keys.knows(OLD.encode())
    assert OLD not in repr(vars(keys))
    assert not Keys([])
    assert not Keys([]).knows(b"")


def test_a_file_is_read_once(exported: Exported, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(OLD)
    with serving(exported.repository, api_keys_file=file) as service:
        file.unlink()
        assert service.client.get("/v2", headers=bearer(OLD)).status_code == 200
