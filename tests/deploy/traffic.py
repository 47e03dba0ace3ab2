"""The demo's traffic, in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def under_traffic(url: str) -> Iterator[None]:
    """Play the demo's day, feedback included, of which the first 80 seconds are clean, until the end."""
    command = [sys.executable, "-m", "deploy.demo.traffic", "--url", url, "--day-minutes", "4"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)
