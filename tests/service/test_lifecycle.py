"""The whole process, as a user starts it."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.conftest import Exported
from tests.service.process import running


def predict(url: str) -> httpx2.Response:
    return httpx2.post(f"{url}/v1/models/plant:predict", json={"instances": [[20, 5, 1000, 0]]})


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the resident memory from /proc")
def test_serves_without_the_offline_half_in_little_time_and_memory(exported: Exported) -> None:
    with running(exported.repository) as service:
        assert predict(service.url).status_code == 200
        assert service.seconds_to_ready < 10  # about one; a busy machine may take longer
        assert service.resident_megabytes() < 150


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_finishes_what_is_in_flight_when_told_to_stop_and_exits_0(exported: Exported, stop: signal.Signals) -> None:
    with running(exported.repository) as service:
        assert predict(service.url).status_code == 200
        body = json.dumps({"instances": [[20, 5, 1000, 0]]}).encode()

        def slow_body() -> Iterator[bytes]:
            yield body[:10]
            time.sleep(0.3)
            service.process.send_signal(stop)
            time.sleep(0.7)
            yield body[10:]

        answer = httpx2.post(f"{service.url}/v1/models/plant:predict", content=slow_body(), timeout=20)
        assert answer.status_code == 200
        assert service.process.wait(timeout=20) == 0


def test_stays_up_and_not_ready_without_a_model(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        assert httpx2.get(f"{service.url}/v2/health/live").status_code == 200
        assert httpx2.get(f"{service.url}/v2/health/ready").status_code == 503
