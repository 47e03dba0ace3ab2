"""Every metric: a path is driven, and the scraped text read."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.conftest import Exported, make_table
from tests.service.client import Service, serving

MODEL = "model=plant,version=1"
PREDICT = "/v1/models/{name}:predict"


@pytest.fixture
def service(exported: Exported) -> Iterator[Service]:
    with serving(exported.repository) as service:
        yield service


def predict(service: Service, rows: int) -> None:
    instances = make_table(rows, seed=8)[0].fillna(20).to_numpy().tolist()
    assert service.client.post("/v1/models/plant:predict", json={"instances": instances}).status_code == 200


def test_a_models_series_stand_at_zero_before_its_first_request(service: Service) -> None:
    samples = service.samples()
    for name in ("rows_total", "expected_errors_total", "reliability_count", "typicality_count", "tail_ratio_count"):
        assert samples[f"chainzrule_{name}{{{MODEL}}}"] == 0
    reference = service.core.repository.get("plant").manifest.reference.tail_ratio
    assert samples[f"chainzrule_reference_tail_ratio{{{MODEL}}}"] == pytest.approx(reference)
    sha256 = service.core.repository.get("plant").manifest.files["model.onnx"][:12]
    assert samples[f"chainzrule_model_info{{model=plant,sha256={sha256},version=1}}"] == 1


def test_rows_and_signals_are_counted_on_both_protocols(service: Service) -> None:
    predict(service, 30)
    tensor = {"name": "features", "shape": [2, 4], "datatype": "FP32", "data": [20.0, 5, 1000, 0] * 2}
    assert service.client.post("/v2/models/plant/infer", json={"inputs": [tensor]}).status_code == 200
    rows = np.concatenate([make_table(30, seed=8)[0].fillna(20).to_numpy(np.float32), [[20, 5, 1000, 0]] * 2])
    scores = service.core.repository.get("plant").score(rows.astype(np.float32))
    samples = service.samples()
    assert samples[f"chainzrule_rows_total{{{MODEL}}}"] == 32
    expected_errors = (1 - scores["reliability"].astype(float)).sum()
    assert samples[f"chainzrule_expected_errors_total{{{MODEL}}}"] == pytest.approx(expected_errors, rel=1e-5)
    for name in ("reliability", "typicality", "tail_ratio"):
        assert samples[f"chainzrule_{name}_count{{{MODEL}}}"] == 32
        assert samples[f"chainzrule_{name}_sum{{{MODEL}}}"] == pytest.approx(scores[name].sum(), rel=1e-5)
        below = (scores[name] <= np.float32(0.95)).sum() if name != "tail_ratio" else (scores[name] <= 1.1).sum()
        bound = "0.95" if name != "tail_ratio" else "1.1"
        assert samples[f"chainzrule_{name}_bucket{{le={bound},{MODEL}}}"] == below
    for stage in ("decode", "run", "encode"):
        assert samples[f"chainzrule_stage_duration_seconds_count{{model=plant,stage={stage},version=1}}"] == 2


def test_requests_are_counted_and_timed_by_route_method_and_status(service: Service) -> None:
    predict(service, 1)
    service.client.post("/v1/models/plant:predict", content=b"{")
    service.client.post("/v1/models/mill:predict", content=b"{")
    samples = service.samples()
    for status in (200, 400, 404):
        assert samples[f"chainzrule_http_requests_total{{method=POST,route={PREDICT},status={status}}}"] == 1
    assert samples[f"chainzrule_http_request_duration_seconds_count{{method=POST,route={PREDICT}}}"] == 3
    # The scrape itself is under way while it is written.
    assert samples["chainzrule_http_requests_in_progress{}"] == 1


def test_refused_rows_are_not_counted(service: Service) -> None:
    service.client.post("/v1/models/plant:predict", json={"instances": [[20, 5, 1000, 0], [1]]})
    assert service.samples()[f"chainzrule_rows_total{{{MODEL}}}"] == 0


def test_no_request_can_mint_a_label(service: Service) -> None:
    service.client.get("/nothing")
    service.client.request("BREW", "/v2")
    service.samples()  # the scrape's own route is first seen by the next one
    before = len(service.samples())
    for index in range(200):
        service.client.get(f"/nothing/{index}")
        service.client.request(f"BREW{index}", "/v2")
        service.client.get(f"/v2/models/invented-{index}")
    # One route was not asked for before: its count, and its histogram of 16 buckets, sum and count.
    assert len(service.samples()) == before + 1 + 18
    assert "invented" not in service.client.get("/metrics").text


def test_process_metrics_are_there(service: Service) -> None:
    assert service.samples()["process_resident_memory_bytes{}"] > 1e7
