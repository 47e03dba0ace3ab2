"""The application on a real cluster: one replica that load makes two, one of which is killed."""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import httpx2
import numpy as np
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Exported
from tests.deploy.ray.cluster import CONFIG, Cluster, running_cluster
from tests.service.process import REQUIRES_PROC, running

pytestmark = [
    REQUIRES_PROC,
    pytest.mark.skipif(find_spec("ray") is None, reason="the application needs the extra ray"),
]

PREDICT = "/v1/models/plant:predict"
ROW = [20.0, 5.0, 1000.0, 0.0]
ROWS = "chainzrule_rows_total{model=plant,version=1}"
SETTINGS = {"poll_seconds": 0.3, "max_queue_rows": 5000, "max_rows": 200_000}
RETRY_SECONDS = 30.0


@pytest.fixture(scope="module")
def repository(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("ray") / "models"
    shutil.copytree(exported.repository, copy)
    return copy


@pytest.fixture(scope="module")
def cluster(repository: Path) -> Iterator[Cluster]:
    scaling = {
        "min_replicas": 1,
        "max_replicas": 2,
        "target_ongoing_requests": 1,
        "upscale_delay_s": 0,
    }
    options = {"autoscaling_config": scaling, "health_check_period_s": 1}
    with running_cluster(repository.parent, SETTINGS, options, {"CHAINZRULE_REPOSITORY": str(repository)}) as found:
        yield found


@pytest.fixture
def client(cluster: Cluster) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=cluster.url, timeout=30) as found:
        yield found


def samples(client: httpx2.Client, tries: int = 1) -> dict[str, float]:
    """Scrape, again where the proxy asked a replica that was just killed: every sample by its name and labels."""
    while (answer := client.get("/metrics")).status_code != 200:
        tries -= 1
        assert tries, answer.text
        time.sleep(0.1)
    return {
        sample.name + "{" + ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items())) + "}": sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


class Load:
    """Clients that ask over and over, and try again what failed, as a client may: a prediction changes nothing."""

    def __init__(self, url: str) -> None:
        self.answered = 0
        self.lost: list[str] = []
        self.repeated = 0
        self.versions: list[str] = []
        self._url = url
        self._lock = threading.Lock()
        self.stop = threading.Event()

    def run(self) -> None:
        with httpx2.Client(base_url=self._url, timeout=10) as client:
            while not self.stop.is_set():
                self._ask(client)

    def _ask(self, client: httpx2.Client) -> None:
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                answer = client.post(PREDICT, json={"instances": [ROW]})
                failure = None if answer.status_code == 200 else f"{answer.status_code} {answer.text}"
            except httpx2.TransportError as error:
                failure = repr(error)
            with self._lock:
                if failure is None:
                    self.answered += 1
                    self.versions.append(answer.json()["model_version"])
                    return
                self.repeated += 1
                if time.monotonic() > deadline:
                    self.lost.append(failure)
                    return
            time.sleep(0.05)


@contextmanager
def load(url: str, clients: int) -> Iterator[Load]:
    found = Load(url)
    threads = [threading.Thread(target=found.run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        found.stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.filterwarnings("ignore:Using extra keyword arguments on `Field`")  # Ray 2.60's, when it is imported
def test_the_configuration_is_what_ray_takes() -> None:
    from ray.serve.schema import ServeDeploySchema

    config = ServeDeploySchema.model_validate(yaml.safe_load(CONFIG.read_text()))
    (application,) = config.applications
    assert application.import_path == "deploy.ray.application:build"
    assert [deployment.name for deployment in application.deployments] == ["Service"]


def test_it_answers_as_the_service_does(cluster: Cluster, repository: Path) -> None:
    many = np.random.default_rng(0).normal(size=(100_000, 4)).astype("<f4")
    asked = {"name": "features", "datatype": "FP32", "shape": list(many.shape)}
    head = json.dumps({"inputs": [asked | {"parameters": {"binary_data_size": many.nbytes}}]}).encode()
    binary = {"content-type": "application/octet-stream", "inference-header-content-length": str(len(head))}
    named = {"x-request-id": "mine"}
    requests = [
        httpx2.Request("POST", f"{cluster.url}{path}", **content)
        for path, content in (
            (PREDICT, {"json": {"instances": [ROW, ROW]}, "headers": named}),
            (PREDICT, {"json": {"instances": [ROW[:2]]}, "headers": named}),
            (PREDICT, {"content": b"{", "headers": named}),
            (PREDICT, {"content": bytes(5 * 2**20), "headers": named}),
            (PREDICT, {"json": {"instances": [ROW] * 6000}, "headers": named}),
            ("/v1/models/none:predict", {"json": {"instances": [ROW]}, "headers": named}),
            ("/v2/models/plant/infer", {"content": head + many[:4000].tobytes(), "headers": named | binary}),
            ("/v2/models/plant/infer", {"content": head + many.tobytes(), "headers": named | binary}),
        )
    ]
    paths = ("/", "/docs", "/openapi.json", "/page.js", "/v1/models", "/v2", "/v2/models/plant", "/v2/health/ready")
    requests += [httpx2.Request("GET", f"{cluster.url}{path}", headers=named) for path in (*paths, "/none")]
    requests += [httpx2.Request("HEAD", f"{cluster.url}/v2/health/live", headers=named)]
    flags = [part for name, value in SETTINGS.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    statuses = []
    with running(repository, *flags) as service, httpx2.Client(timeout=30) as client:
        for request in requests:
            theirs = client.send(request)
            ours = client.request(
                request.method,
                str(request.url).replace(cluster.url, service.url),
                content=request.content,
                headers={name: value for name, value in request.headers.items() if name != "host"},
            )
            assert _essence(theirs) == _essence(ours)
            statuses.append(ours.status_code)
    assert set(statuses) == {200, 400, 404, 405, 413}


def _essence(answer: httpx2.Response) -> tuple[object, ...]:
    """What must be the same of two processes' answers: all but what names the answer or the process."""
    own = ("date", "server", "x-prediction-id", "connection")
    body = answer.content
    if "x-prediction-id" in answer.headers and body.startswith(b"{") and b'"id"' in body:
        body = body.replace(answer.headers["x-prediction-id"].encode(), b"the id")
    return answer.status_code, [pair for pair in sorted(answer.headers.multi_items()) if pair[0] not in own], body


def test_load_brings_a_second_replica_and_metrics_are_the_exact_sum_of_both(
    cluster: Cluster, client: httpx2.Client
) -> None:
    assert len(cluster.replicas()) == 1
    before = samples(client)
    with load(cluster.url, clients=6) as crowd:
        wait_for(lambda: samples(client)["chainzrule_workers{}"] == 2)
    assert crowd.lost == []
    names: list[str] = []

    def both_answer() -> bool:
        names.append(client.post(PREDICT, json={"instances": [ROW, ROW]}).json()["id"])
        return len({name.split("-")[0] for name in names}) == 2

    wait_for(both_answer)  # the proxy may hear of the second replica later than the owner of the metrics does
    for _ in range(5):
        now = samples(client)
        assert now[ROWS] - before[ROWS] == crowd.answered + 2 * len(names)
        assert now["chainzrule_queue_limit_rows{}"] == 2 * SETTINGS["max_queue_rows"]
        assert now["chainzrule_threads{}"] == 1


def test_feedback_reaches_the_replica_that_answered_by_way_of_any(client: httpx2.Client) -> None:
    names = [client.post(PREDICT, json={"instances": [ROW]}).json()["id"] for _ in range(20)]
    told = {"feedback": [{"id": name, "label": "low"} for name in names]}
    assert client.post("/v1/models/plant:feedback", json=told).json() == {"accepted": 20, "refused": []}
    counted = (value for name, value in samples(client).items() if name.startswith("chainzrule_feedback_rows_total"))
    assert sum(counted) == 20


def test_a_replica_killed_under_load_loses_nothing_that_is_asked_again_and_is_replaced(
    cluster: Cluster, client: httpx2.Client
) -> None:
    victim, survivor = cluster.replicas()
    last = samples(client)
    before = last[ROWS]
    with load(cluster.url, clients=6) as crowd:
        time.sleep(0.5)
        os.kill(victim, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while last["chainzrule_worker_restarts_total{}"] == 0 or last["chainzrule_workers{}"] < 2:
            assert time.monotonic() < deadline
            time.sleep(0.2)
            now = samples(client, tries=20)
            for name, value in last.items():
                if name.split("{")[0].endswith(("_total", "_bucket", "_count", "_sum")):
                    assert now[name] >= value, f"{name} fell"
            last = now
    assert crowd.lost == []
    assert victim not in cluster.replicas()
    assert survivor in cluster.replicas()
    # What the victim had counted since its last report, at most a second old, died with it.
    assert before < samples(client)[ROWS] <= before + crowd.answered + crowd.repeated


def test_a_new_version_is_served_by_every_replica_without_a_request_refused(
    cluster: Cluster, client: httpx2.Client, repository: Path
) -> None:
    hidden = repository / "plant" / ".2"
    shutil.copytree(repository / "plant" / "1", hidden)
    manifest = json.loads((hidden / "manifest.json").read_text())
    (hidden / "manifest.json").write_text(json.dumps(manifest | {"version": 2}))
    with load(cluster.url, clients=2) as crowd:
        time.sleep(0.3)
        hidden.rename(repository / "plant" / "2")
        wait_for(lambda: any("model_info" in name and "version=2" in name for name in samples(client)))
        time.sleep(1.0)  # the other replica looks at its folder as often
    assert (crowd.lost, crowd.repeated) == ([], 0)
    assert crowd.versions[0] == "1"
    answers = [client.post(PREDICT, json={"instances": [ROW]}).json() for _ in range(20)]
    assert {answer["model_version"] for answer in answers} == {"2"}
    assert len({answer["id"].split("-")[0] for answer in answers}) == 2


def test_it_stops_when_interrupted_and_leaves_nothing_behind(cluster: Cluster) -> None:
    assert cluster.stop(30) == []
