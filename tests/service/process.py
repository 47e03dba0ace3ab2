"""The whole service in a process of its own, as a user starts it."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
