"""The application as a whole: what a browser may do, and what it says of itself."""

import pytest

from tests.conftest import Exported
from tests.service.client import serving

ORIGIN = "https://example.org"
PREDICT = "/v1/models/plant:predict"
PREFLIGHT = {
    "origin": ORIGIN,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization",
}


def test_by_default_no_page_of_another_origin_may_call(exported: Exported) -> None:
    with serving(exported.repository) as service:
        answers = [
            service.client.get("/v1/models", headers={"origin": ORIGIN}),
            service.client.options(PREDICT, headers=PREFLIGHT),
        ]
    assert [answer.status_code for answer in answers] == [200, 405]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_pages_of_the_origins_named_may_call_and_read_refusals(exported: Exported) -> None:
    with serving(exported.repository, cors_origins=ORIGIN, api_keys="a-key-of-some-length") as service:
        preflight = service.client.options(PREDICT, headers=PREFLIGHT)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == ORIGIN
        assert "authorization" in preflight.headers["access-control-allow-headers"]
        refused = service.client.post(PREDICT, headers={"origin": ORIGIN})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, ORIGIN)
        assert {"x-request-id", "x-prediction-id"} < set(refused.headers["access-control-expose-headers"].split(", "))
        other = service.client.get("/v2/health/live", headers={"origin": "https://example.com"})
        assert "access-control-allow-origin" not in other.headers
        assert "access-control-allow-credentials" not in preflight.headers
        # A preflight is counted, under no route.
        assert service.samples()["chainzrule_http_requests_total{method=OPTIONS,route=unmatched,status=200}"] == 1


def test_nothing_of_a_failure_reaches_a_page_or_a_client(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(exported.repository, cors_origins=ORIGIN) as service:

        def fail(*_: object) -> None:
            raise RuntimeError("a secret path")

        monkeypatch.setattr(service.core.repository, "get", fail)
        answer = service.client.get("/v1/models/plant", headers={"origin": ORIGIN})
        assert answer.status_code == 500
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text


def test_fastapis_own_export_stays_off(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    with serving(exported.repository) as service:
        assert service.client.get("/v1/models").status_code == 200
        native = getattr(service.app, "_native_telemetry", None)
        assert native is None or not native.enabled()
