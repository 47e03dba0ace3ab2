"""The load generator: `wrk`, one thread, a closed loop over so many connections."""

import json
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.serving.machine import pinned

SCRIPT = Path(__file__).with_name("post.lua")
TIMEOUT_SECONDS = 20


class GeneratorError(Exception):
    """`wrk` is absent, or said nothing that can be read."""


class Measurement(NamedTuple):
    """What one run of the load generator, or of a direct loop, saw."""

    requests: int
    seconds: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    refused: int = 0
    """answers with a status of 400 or more"""
    broken: int = 0
    """connections, reads, writes and waits that failed"""
    generator_busy: float = 0.0
    """share of its core that the load generator used; near 1 it is what was measured"""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def require_wrk() -> None:
    """Make sure that `wrk` and `taskset` are there.

    Raises:
        GeneratorError: if one is not.
    """
    for program, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if shutil.which(program) is None:
            raise GeneratorError(
                f"{program} is not on the PATH: install it (Debian, Ubuntu: apt-get install {package})"
            )


def parse(printed: str) -> Measurement:
    """Return what `post.lua` printed as its last line.

    Raises:
        GeneratorError: if that is no measurement.
    """
    lines = printed.strip().splitlines()
    try:
        found = json.loads(lines[-1])
        return Measurement(
            requests=int(found["requests"]),
            seconds=found["microseconds"] / 1e6,
            p50_ms=found["p50"] / 1e3,
            p90_ms=found["p90"] / 1e3,
            p99_ms=found["p99"] / 1e3,
            refused=found["refused"],
            broken=found["connect"] + found["read"] + found["write"] + found["timeout"],
        )
    except (LookupError, ValueError, TypeError):
        raise GeneratorError(f"wrk printed no measurement: {printed[-500:]!r}") from None


def run_wrk(
    url: str, headers: Mapping[str, str], body: bytes, *, connections: int, seconds: float, cores: Sequence[int]
) -> Measurement:
    """Post `body` to `url` over and over, and return what came of it.

    Args:
        url: where to.
        headers: sent with it.
        body: as it is sent.
        connections: each its next request when the last is answered.
        seconds: how long, in whole seconds at least one.
        cores: where the generator runs.

    Raises:
        GeneratorError: if wrk fails.
    """
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        lines = "".join(f"{name}: {value}\n" for name, value in headers.items())
        options = ["--threads", "1", "--connections", str(connections), "--duration", f"{max(round(seconds), 1)}s"]
        options += ["--timeout", f"{TIMEOUT_SECONDS}s", "--latency", "--script", str(SCRIPT)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            pinned(["wrk", *options, url], cores),
            env=os.environ | {"POST_BODY": file.name, "POST_HEADERS": lines},
            capture_output=True,
            text=True,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise GeneratorError(f"wrk ended with status {done.returncode}: {(done.stderr or done.stdout).strip()[-500:]}")
    measurement = parse(done.stdout)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return measurement._replace(generator_busy=used / measurement.seconds)
