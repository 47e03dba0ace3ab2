"""The container, for real: `docker compose up --build` and what it serves."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.inference.model import Model
from service.manifest import read_manifest
from service.protocol.documentation import example_instances

ROOT = Path(__file__).parents[2]
PORT = 18080


def docker(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "CHAINZRULE_PUBLISH": f"127.0.0.1:{PORT}"},
        capture_output=True,
        text=True,
        timeout=280,
        check=check,
    )


def compose(*arguments: str) -> subprocess.CompletedProcess[str]:
    return docker("compose", "--project-name", "chainzrule-test", *arguments)


def engine_is_there() -> bool:
    try:
        return docker("info", check=False).returncode == 0
    except FileNotFoundError:
        return False


pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(not engine_is_there(), reason="no Docker Engine answers on this machine"),
]


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    try:
        compose("up", "--build", "--detach", "--wait")
        yield compose("ps", "--quiet", "service").stdout.strip()
    finally:
        compose("down", "--volumes")


def test_becomes_healthy_and_answers_with_the_numbers_of_the_bundled_model(container: str) -> None:
    folder = ROOT / "deploy" / "models" / "pima" / "1"
    body = example_instances(read_manifest(folder).input)
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}/v1/models/pima:predict", json.dumps(body).encode(), method="POST"
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        (prediction,) = json.load(response)["predictions"]
    rows = np.array([list(body["instances"][0].values())], dtype=np.float32)
    scores = Model.load(folder, threads=1).score(rows)
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


def test_stops_with_status_0_when_it_has_drained(container: str) -> None:
    started = time.monotonic()
    docker("stop", "--time", "30", container)
    assert time.monotonic() - started < 10  # five seconds of draining among them
    assert inspect(container)["State"]["ExitCode"] == 0
