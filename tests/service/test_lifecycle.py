"""The whole process, as a user starts it."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.conftest import Exported

WITHOUT_TORCH = """
import importlib.abc, sys
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "sklearn", "skorch", "onnx", "pandas", "model_export"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
from service.__main__ import main
main()
"""


class Process:
    def __init__(self, process: subprocess.Popen[str], url: str, seconds: float) -> None:
        self.process = process
        self.url = url
        self.seconds_to_ready = seconds

    def resident_megabytes(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def running(repository: Path, *arguments: str) -> Iterator[Process]:
    """Start the service on a free port in a process that can import nothing of the offline half."""
    started = time.monotonic()
    command = [sys.executable, "-c", WITHOUT_TORCH, "--repository", str(repository), "--port", "0", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if "running on" in line:
                url = line.split("running on ")[1].split()[0]
                break
        else:
            pytest.fail(f"the service ended with status {process.wait()}")
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield Process(process, url, time.monotonic() - started)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


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
