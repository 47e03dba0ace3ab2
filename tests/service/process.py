"""The whole service in a process of its own, as a user starts it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

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

REQUIRES_PROC = pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="looks at processes through /proc")


class Process:
    def __init__(self, process: subprocess.Popen[str], url: str, seconds: float, log: list[str]) -> None:
        self.process = process
        self.url = url
        self.port = int(url.rpartition(":")[2])
        self.seconds_to_ready = seconds
        self.log = log
        """Every line up to now."""

    def resident_megabytes(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def workers(self) -> list[int]:
        """The process ids of the workers that run."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
        return sorted(child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes())

    def owners(self) -> dict[int, int]:
        """The worker that accepted each connection, by the client's port."""
        clients = {}
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == self.port:
                clients[f"socket:[{fields[9]}]"] = int(fields[2].rpartition(":")[2], 16)
        owners = {}
        for worker in self.workers():
            for descriptor in Path(f"/proc/{worker}/fd").iterdir():
                with suppress(FileNotFoundError):  # it may be closed meanwhile
                    name = str(descriptor.readlink())
                    if name in clients:
                        owners[clients[name]] = worker
        return owners


@contextmanager
def running(repository: Path, *arguments: str, **environment: str) -> Iterator[Process]:
    """Start the service on a free port in a process that can import nothing of the offline half."""
    started = time.monotonic()
    command = [sys.executable, "-c", WITHOUT_TORCH, "--repository", str(repository), "--port", "0", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | environment)
    assert process.stderr is not None
    log: list[str] = []
    reading = None
    try:
        for line in process.stderr:
            log.append(line)
            if "running on" in line:
                url = line.split("running on ")[1].split()[0]
                break
        else:
            pytest.fail(f"the service ended with status {process.wait()}: {''.join(log)}")
        reading = threading.Thread(target=log.extend, args=(process.stderr,), daemon=True)
        reading.start()
        yield Process(process, url, time.monotonic() - started, log)
    finally:
        # Workers outlive a supervisor that is killed for as long as they drain.
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if reading is not None:
            reading.join(timeout=20)
        process.stderr.close()
