"""The whole stack, for real: `docker compose --profile demo up --build`, without Grafana, and what it does.

The tests follow the demo's day, so they run in the order in which they stand.
"""

import asyncio
import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deploy.demo.day import MISTAKE
from service.inference.model import Model
from service.protocol.examples import example_instances
from service.version_folder import read_manifest
from tests.benchmarks.load import Outcome, closed_loop, request

ROOT = Path(__file__).parents[2]
PORT, PROMETHEUS_PORT = 18080, 19090
URL = f"http://127.0.0.1:{PORT}"
PROJECT = "chainzrule-test"
PIMA = ROOT / "deploy" / "models" / "pima" / "1"
BODY = example_instances(read_manifest(PIMA))
BASE_IMAGES = ("python:3.11-slim", "prom/prometheus:v3.14.0", "haproxy:3.2.24-alpine")
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    "CHAINZRULE_PUBLISH": f"127.0.0.1:{PORT}",
    "PROMETHEUS_PUBLISH": f"127.0.0.1:{PROMETHEUS_PORT}",
    "CHAINZRULE_DEMO_DAY_MINUTES": "6",
}


def docker(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=280, check=check
    )


def compose(*arguments: str) -> subprocess.CompletedProcess[str]:
    return docker("compose", "--project-name", PROJECT, "--profile", "demo", *arguments)


def what_is_missing() -> str | None:
    """Why the stack cannot run here. An engine that can pull images makes no difference: tests download nothing."""
    try:
        if docker("info", check=False).returncode != 0:
            return "no Docker Engine answers on this machine"
    except FileNotFoundError:
        return "there is no docker on this machine"
    missing = [image for image in BASE_IMAGES if docker("image", "inspect", image, check=False).returncode != 0]
    return f"this Docker Engine does not hold {', '.join(missing)}" if missing else None


MISSING = what_is_missing()

pytestmark = [
    pytest.mark.docker,
    pytest.mark.timeout(400),
    pytest.mark.skipif(MISSING is not None, reason=str(MISSING)),
]


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    """The service's, with all others beside it."""
    try:
        compose("up", "--build", "--detach", "--wait", "proxy", "prometheus", "traffic")
        yield compose("ps", "--quiet", "service").stdout.strip()
    finally:
        compose("down", "--volumes")
        for what in (["ps", "--all"], ["volume", "ls"], ["network", "ls"]):
            left = docker(*what, "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}").stdout
            assert not left, f"compose down left {left} in {what}"


def query(expression: str) -> list[dict[str, Any]]:
    address = f"http://127.0.0.1:{PROMETHEUS_PORT}/api/v1/query?query={urllib.parse.quote(expression)}"
    with urllib.request.urlopen(address, timeout=10) as response:
        result = json.load(response)["data"]["result"]
    assert isinstance(result, list)
    return result


def wait_for(look: Callable[[], Any], seconds: float) -> Any:
    """Return what `look` finds as soon as it finds something, or at last nothing."""
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(1.0)
    return found


def ask(path: str, body: object) -> tuple[int, Any]:
    """Post through the proxy, and return the status and the answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(URL + path, json.dumps(body).encode()), timeout=10) as found:
            return found.status, json.load(found)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error) | {"retry-after": error.headers["retry-after"]}


def test_becomes_healthy_and_answers_with_the_numbers_of_the_bundled_model(container: str) -> None:
    status, answer = ask("/v1/models/pima:predict", BODY)
    assert status == 200
    (prediction,) = answer["predictions"]
    rows = np.array([list(BODY["instances"][0].values())], dtype=np.float32)
    scores = Model.load(PIMA, threads=1).score(rows)
    assert prediction["reliability"]["score"] == pytest.approx(scores["reliability"][0].item(), rel=1e-5)
    assert list(prediction["probabilities"].values()) == pytest.approx(scores["probabilities"][0].tolist(), rel=1e-5)
    assert inspect(container)["State"]["Health"]["Status"] == "healthy"


def inspect(container: str) -> dict[str, Any]:
    (description,) = json.loads(docker("inspect", container).stdout)
    assert isinstance(description, dict)
    return description


def test_is_confined_and_holds_nothing_of_training(container: str) -> None:
    assert inspect(container)["Config"]["User"] == "10001:10001"
    assert docker("exec", container, "touch", "/app/file", check=False).returncode != 0
    assert docker("exec", container, "touch", "/models/file", check=False).returncode != 0
    for module in ("torch", "sklearn", "model_export", "pip"):
        assert docker("exec", container, "python", "-c", f"import {module}", check=False).returncode != 0, module


def test_adds_less_than_170_megabytes_to_its_base_image(container: str) -> None:
    """With the public base image, of about 125 MB, it stays below 300 MB."""
    listed = docker("exec", container, "du", "--summarize", "--bytes", "/opt/venv", "/app").stdout
    sizes = {folder: int(size) for size, folder in (line.split() for line in listed.splitlines())}
    assert sizes.keys() == {"/opt/venv", "/app"}
    assert sum(sizes.values()) < 170_000_000


@pytest.mark.usefixtures("container")
def test_prometheus_scrapes_the_service_that_it_found_by_name() -> None:
    assert wait_for(lambda: query('up{job="chainzrule"} == 1'), 30)
    assert inspect(compose("ps", "--quiet", "prometheus").stdout.strip())["State"]["Health"]["Status"] == "healthy"
    assert wait_for(lambda: query('chainzrule_rows_total{model="pump"} > 0'), 30)
    assert wait_for(lambda: query('sum(chainzrule_feedback_rows_total{model="pump"}) > 0'), 30)


@pytest.mark.usefixtures("container")
def test_the_drift_alert_is_silent_on_clean_traffic_and_fires_on_a_unit_mistake() -> None:
    firing = 'ALERTS{alertname=~"ChainzRuleDrift|ChainzRuleOutOfRange",alertstate="firing"}'
    while MISTAKE.name not in compose("logs", "traffic").stdout:
        assert query(firing) == []
        time.sleep(2.0)
    assert query("model:chainzrule_typicality:ks5m"), "there was clean traffic to be silent on"
    assert wait_for(lambda: len(query(firing)) == 2, 150), query("ALERTS")
    labels = [series["metric"] for series in query(firing)]
    assert {(label["model"], label.get("feature")) for label in labels} == {("pump", None), ("pump", "temperature")}


@pytest.fixture(scope="module")
def replicas(container: str) -> list[str]:
    """Three of them; the first is `container`."""
    compose("up", "--detach", "--wait", "--no-recreate", "--scale", "service=3", "service")
    found = compose("ps", "--quiet", "--no-trunc", "service").stdout.split()
    assert len(found) == 3
    return sorted(found, key=lambda name: name != container)


@pytest.mark.usefixtures("replicas")
def test_prometheus_discovers_each_replica_and_the_proxy_spreads_requests_over_all() -> None:
    assert wait_for(lambda: query('count(up{job="chainzrule"} == 1) == 3'), 30)
    marks = {ask("/v1/models/pima:predict", BODY)[1]["id"].partition("-")[0] for _ in range(50)}
    assert len(marks) == 3


@pytest.mark.usefixtures("replicas")
def test_feedback_finds_the_replica_that_answered() -> None:
    for _ in range(20):
        answer = ask("/v1/models/pima:predict", BODY)[1]
        told = {"id": answer["id"], "row": 0, "label": answer["predictions"][0]["label"]}
        assert ask("/v1/models/pima:feedback", {"feedback": [told]}) == (200, {"accepted": 1, "refused": []})


SENT_AGAIN = ("haproxy_backend_retry_warnings_total", "haproxy_backend_redispatch_warnings_total")


def sent_again() -> float:
    """How many requests the proxy has sent again to a replica, by its own page."""
    page = compose("exec", "-T", "proxy", "wget", "-q", "-O", "-", "http://127.0.0.1:8405/metrics").stdout
    samples = [line.split() for line in page.splitlines() if line.startswith(SENT_AGAIN) and 'proxy="replicas"' in line]
    assert len(samples) == len(SENT_AGAIN)
    return sum(float(value) for _, value in samples)


def test_no_client_notices_that_a_replica_is_killed_under_load(replicas: list[str]) -> None:
    data = request(URL, "/v1/models/pima:predict", json.dumps(BODY).encode())
    # Some may have been sent again before: a replica that has only just started is found before it listens.
    before = sent_again()

    async def load_and_kill() -> Outcome:
        load = asyncio.create_task(closed_loop(URL, data, 16, 3000))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(docker, "kill", replicas[-1])
        assert not load.done()
        return await load

    outcome = asyncio.run(load_and_kill())
    assert outcome.statuses == {200: 3000}
    assert sent_again() > before, "else it was not the proxy that hid it"
    assert wait_for(lambda: query(f"sum({{__name__=~'{'|'.join(SENT_AGAIN)}',proxy='replicas'}}) > {before}"), 30)
    assert wait_for(lambda: query('count(up{job="chainzrule"} == 1) == 2'), 30)


def test_stops_with_status_0_when_it_has_drained(container: str) -> None:
    started = time.monotonic()
    docker("stop", "--time", "30", container)
    assert time.monotonic() - started < 10  # five seconds of draining among them
    assert inspect(container)["State"]["ExitCode"] == 0


@pytest.mark.usefixtures("replicas")
def test_the_proxy_says_in_the_services_words_that_no_replica_is_left() -> None:
    compose("kill", "service")
    asked = wait_for(lambda: (found := ask("/v1/models/pima:predict", BODY))[0] == 503 and found, 20)
    message = "no replica can be reached: try again"
    assert asked == (503, {"error": {"code": "not_ready", "message": message}, "retry-after": "1"})
    assert ask("/v2/models/pima/infer", {}) == (503, {"error": message, "retry-after": "1"})
