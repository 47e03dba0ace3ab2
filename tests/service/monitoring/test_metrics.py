"""Every metric: a path is driven, and the scraped text read."""

import asyncio
import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from service.errors import NonFiniteOutputError
from service.inference.jobs import Reason
from service.inference.model import Model
from service.monitoring.metrics import Metrics
from service.monitoring.prediction import Stages
from tests.conftest import Exported, make_table
from tests.service.client import Service, serving
from tests.service.made_images import HEIGHT, WIDTH

MODEL = "model=plant,version=1"
PREDICT = "/v1/models/{name}:predict"
REASONS = get_args(Reason)


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


def test_models_that_take_no_table_have_no_series_of_features(every_kind: Path) -> None:
    with serving(every_kind) as service:
        image = [[[value] * 3 for value in range(WIDTH)]] * HEIGHT
        assert service.client.post("/v1/models/photos:predict", json={"instances": [image]}).status_code == 200
        samples = service.samples()
    assert samples["chainzrule_rows_total{model=photos,version=1}"] == 1
    assert samples["chainzrule_altered_rows_total{model=photos,version=1}"] == 0
    of_features = [name for name in samples if "feature=" in name]
    assert of_features
    assert all("model=plant" in name for name in of_features)


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


def test_missing_values_and_those_outside_the_training_range_are_counted_by_feature(service: Service) -> None:
    features = service.core.repository.get("plant").manifest.table.features
    lowest, highest = (list(ends) for ends in zip(*(feature.bounds for feature in features), strict=True))
    instances = [lowest, highest, [None, 1e9, None, -1e9], [None, 5, highest[2] * 1.01, 0]]
    assert service.client.post("/v1/models/plant:predict", json={"instances": instances}).status_code == 200
    samples = service.samples()

    def counts(name: str) -> list[float]:
        return [samples[f"chainzrule_feature_{name}_total{{feature={each.name},{MODEL}}}"] for each in features]

    assert counts("missing") == [2, 0, 1, 0]
    assert counts("out_of_range") == [0, 1, 1, 1]


def test_the_references_are_the_manifests(service: Service) -> None:
    manifest = service.core.repository.get("plant").manifest
    samples = service.samples()
    found = {
        name: samples[f"chainzrule_reference_{name}{{{MODEL}}}"]
        for name in ("calibration_rows", "evaluation_rows", "error_ratio", "expected_error_ratio")
    }
    assert found == {
        "calibration_rows": manifest.reference.rows,
        "evaluation_rows": manifest.evaluation.rows,
        "error_ratio": pytest.approx(1 - manifest.evaluation.accuracy),
        "expected_error_ratio": pytest.approx(1 - manifest.evaluation.mean_reliability),
    }
    for feature in manifest.table.features:
        missing = samples[f"chainzrule_reference_missing_ratio{{feature={feature.name},{MODEL}}}"]
        assert missing == feature.missing_ratio


def test_the_share_above_the_reference_tail_ratio_can_be_read_at_its_bound(service: Service) -> None:
    samples = service.samples()
    (bound,) = (key for key in samples if key.startswith("chainzrule_reference_tail_ratio_bound"))
    assert samples[bound] == 1
    le = bound.split("le=")[1].split(",")[0]
    buckets = [key for key in samples if key.startswith("chainzrule_tail_ratio_bucket")]
    bounds = [key.split("le=")[1].split(",")[0] for key in buckets]
    reference = samples[f"chainzrule_reference_tail_ratio{{{MODEL}}}"]
    assert float(bounds[bounds.index(le) - 1]) < reference <= float(le)


def test_the_reference_typicality_has_a_share_for_every_bucket(service: Service) -> None:
    samples = service.samples()

    def shares(name: str) -> dict[str, float]:
        keys = [key for key in samples if key.startswith(f"chainzrule_{name}{{")]
        return {key.split("le=")[1].split(",")[0]: samples[key] for key in keys}

    found = shares("reference_typicality")
    assert set(found) == set(shares("typicality_bucket")) - {"+Inf"}
    for le, share in found.items():  # of 180 calibration rows
        assert share == pytest.approx(float(le), abs=1 / 181)
        assert share <= float(le)
    assert found["1.0"] == 1


def test_answers_that_are_not_finite_are_counted(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise NonFiniteOutputError("plant version 1 answered with a reliability that is not finite")

    assert service.samples()[f"chainzrule_non_finite_total{{{MODEL}}}"] == 0
    monkeypatch.setattr(service.core.repository.get("plant"), "score", fail)
    for _ in range(2):
        response = service.client.post("/v1/models/plant:predict", json={"instances": [[20, 5, 1000, 0]] * 3})
        assert response.status_code == 500
    samples = service.samples()
    assert samples[f"chainzrule_non_finite_total{{{MODEL}}}"] == 2
    assert samples[f"chainzrule_rows_total{{{MODEL}}}"] == 0


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


def test_requests_are_at_zero_before_the_first_so_that_a_rate_sees_it(service: Service) -> None:
    counted = {key: value for key, value in service.samples().items() if "http_requests_total" in key}
    for status in (200, 400, 500, 503):
        assert counted[f"chainzrule_http_requests_total{{method=POST,route={PREDICT},status={status}}}"] == 0
    assert counted["chainzrule_http_requests_total{method=GET,route=/v2/health/ready,status=503}"] == 0
    assert counted["chainzrule_http_requests_total{method=GET,route=/metrics,status=500}"] == 0
    assert not any(counted.values())
    assert len(counted) < 75
    predict(service, 1)
    service.client.get("/v2/models/plant/versions/1/ready")
    service.client.post("/v2/models/plant/infer", content=b"{")
    after = {key for key in service.samples() if "http_requests_total" in key}
    assert after == set(counted)


def test_refused_rows_are_not_counted(service: Service) -> None:
    service.client.post("/v1/models/plant:predict", json={"instances": [[20, 5, 1000, 0], [1]]})
    assert service.samples()[f"chainzrule_rows_total{{{MODEL}}}"] == 0


def test_no_request_can_mint_a_series(service: Service) -> None:
    client = service.client
    for path in ("/nothing", "/static-offline-docs/nothing", "/v1/models/nothing", "/v2/models/nothing/ready"):
        client.get(path)
    client.post("/v1/models/nothing:predict")
    client.post("/v2/models/nothing/infer")
    client.request("BREW", "/v2")
    service.samples()  # the scrape's own route is first seen by the next one
    before = set(service.samples())
    scope = {"type": "http", "http_version": "1.1", "query_string": b"", "root_path": "", "scheme": "http"}

    async def ask(method: str, path: str, headers: list[tuple[bytes, bytes]]) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(_message: Any) -> None:
            pass

        await service.app({**scope, "method": method, "path": path, "headers": headers}, receive, send)

    async def flood() -> None:
        for index in range(2500):
            await ask("GET", f"/random-{index}", [(b"x-request-id", f"random-{index}".encode())])
            await ask(f"BREW{index}", "/v2", [(b"host", f"random-{index}".encode())])
            await ask("POST", f"/v1/models/random-{index}:predict", [(b"content-type", b"random")])
            await ask("GET", f"/v2/models/random-{index}/ready", [])

    asyncio.run(flood())
    after = set(service.samples())
    assert after == before
    assert "random" not in "".join(after)


def test_the_stages_of_a_prediction_are_timed(service: Service) -> None:
    for _ in range(3):
        predict(service, 2)
    samples = service.samples()
    for stage in ("decode", "queue", "run", "encode"):
        labels = f"model=plant,stage={stage},version=1"
        assert samples[f"chainzrule_stage_duration_seconds_count{{{labels}}}"] == 3
        assert samples[f"chainzrule_stage_duration_seconds_bucket{{le=+Inf,{labels}}}"] == 3
        seconds = samples[f"chainzrule_stage_duration_seconds_sum{{{labels}}}"]
        assert 0 <= seconds < 60


@pytest.mark.parametrize("short", [True, False])
def test_runs_are_counted_by_rows_and_reason(service: Service, monkeypatch: pytest.MonkeyPatch, short: bool) -> None:
    monkeypatch.setattr("service.inference.engine.SHORT_SECONDS", 60.0 if short else 0.0)
    predict(service, 1)
    predict(service, 3)
    samples = service.samples()
    counted = {
        reason: samples[f"chainzrule_batches_total{{model=plant,reason={reason},version=1}}"] for reason in REASONS
    }
    assert counted == dict.fromkeys(REASONS, 0) | {"turn" if short else "idle": 2}
    assert samples[f"chainzrule_batch_rows_count{{{MODEL}}}"] == 2
    assert samples[f"chainzrule_batch_rows_sum{{{MODEL}}}"] == 4
    assert [samples[f"chainzrule_batch_rows_bucket{{le={le},{MODEL}}}"] for le in ("1.0", "2.0", "4.0")] == [1, 1, 2]


def test_the_queue_and_its_limit_are_read_at_the_scrape(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(exported.repository, max_queue_rows=50) as service:
        samples = service.samples()
        assert (samples["chainzrule_queue_rows{}"], samples["chainzrule_queue_limit_rows{}"]) == (0, 50)
        monkeypatch.setattr(service.core.engine, "queued_rows", 7)
        assert service.samples()["chainzrule_queue_rows{}"] == 7


def test_the_threads_are_those_of_the_settings(service: Service) -> None:
    assert service.samples()["chainzrule_threads{}"] == 1


def test_a_version_that_is_not_served_is_not_ready(exported: Exported, tmp_path: Path) -> None:
    shutil.copytree(exported.repository, tmp_path, dirs_exist_ok=True)
    shutil.copytree(exported.folder, tmp_path / "plant" / "2")  # its manifest calls it version 1
    with serving(tmp_path) as service:
        samples = service.samples()
        assert samples["chainzrule_model_ready{model=plant,version=1}"] == 1
        assert samples["chainzrule_model_ready{model=plant,version=2}"] == 0
        assert not any("version=2" in key for key in samples if "model_info" in key)


def test_a_version_that_is_gone_takes_its_series_and_one_that_is_not_served_keeps_them(
    exported: Exported, tmp_path: Path
) -> None:
    shutil.copytree(exported.repository, tmp_path, dirs_exist_ok=True)

    def left() -> int:
        core.metrics.declare_models(core.repository)
        return sum("version=1" in key for key in service.samples())

    with serving(tmp_path) as service:
        core = service.core
        predict(service, 3)
        model = core.repository.get("plant")
        recorder = core.metrics.of(model)
        whole, samples = left(), service.samples()
        core.repository.unload("plant")
        # Only versions being served have a digest and references.
        served = {key for key in samples if "chainzrule_reference_" in key or "model_info" in key}
        assert len(served) == 1 + 6 + 25 + 4
        assert left() == whole - len(served)
        assert service.samples()[f"chainzrule_rows_total{{{MODEL}}}"] == 3

        shutil.rmtree(tmp_path / "plant")
        core.repository.refresh()
        assert left() == 0

        # One that was under way ends now.
        rows = np.array([[20, 5, 1000, 0]], np.float32)
        recorder.record(rows, model.score(rows))
        core.metrics.of(model).record(rows, model.score(rows))
        core.metrics.of(model).record_stages(Stages(0.1, 0.1, 1.0, 0.1))
        assert service.samples()[f"chainzrule_rows_total{{{MODEL}}}"] == 1
        assert left() == 0


def test_images_and_sensitivities_do_not_stay_until_their_rows_are_counted(images: Exported) -> None:
    metrics, model = Metrics(), Model.load(images.folder, threads=1)
    rows = np.zeros((3, *model.manifest.input.gradient_shape), np.uint8)
    scores = model.score(rows)
    gone = [weakref.ref(rows), weakref.ref(scores["sensitivity"])]
    metrics.of(model).record(rows, scores)
    del rows, scores
    assert [left() for left in gone] == [None, None]
    labels = {"model": model.manifest.name, "version": "1"}
    assert metrics.registry.get_sample_value("chainzrule_rows_total", labels) == 3


def test_a_failing_request_leaves_the_gauge_of_those_in_progress(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(service.core.repository, "get", fail)
    for _ in range(5):
        assert service.client.get("/v1/models/plant").status_code == 500
    assert service.samples()["chainzrule_http_requests_in_progress{}"] == 1


def test_process_metrics_are_there(service: Service) -> None:
    assert service.samples()["process_resident_memory_bytes{}"] > 1e7
