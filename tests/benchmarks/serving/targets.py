"""Targets: a server over HTTP, and onnxruntime in a loop."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.benchmarks.serving.machine import Cores, pinned
from tests.benchmarks.serving.processes import Server
from tests.benchmarks.serving.questions import Outputs, Question, find_fault_of
from tests.benchmarks.serving.rounds import FaultyError, Target
from tests.benchmarks.serving.wrk import GeneratorError, Measurement, parse, run_wrk

DIRECT = "direct loop"
WARM_UP_SECONDS = 1.0
THAW_SECONDS = 15.0
"""A server that was frozen may take so long to answer again: some find that they have been away."""


def over_http(
    name: str, server: Server, question: Question, *, connections: int, seconds: float, cores: Cores
) -> Target:
    """Return the target that asks a server one question over and over.

    The server runs only meanwhile. Its answer is compared with the reference before and after, and any error answered
    or connection broken while it is timed is a fault.
    """

    def load(duration: float) -> Measurement:
        url = server.url + question.path
        return run_wrk(
            url,
            question.headers,
            question.body,
            connections=connections,
            seconds=duration,
            cores=cores.generator,
        )

    def measure() -> Measurement:
        server.thaw()
        try:
            _await_right_answer(server, question)
            load(WARM_UP_SECONDS)
            measurement = load(seconds)
            fault = find_fault_of(server.port, question)
        except GeneratorError as error:
            raise FaultyError(str(error)) from error
        finally:
            server.freeze()
        if fault is not None:
            raise FaultyError(f"wrong after it was timed: {fault}")
        if not measurement.requests:
            raise FaultyError("no request was answered")
        if measurement.refused or measurement.broken:
            raise FaultyError(
                f"{measurement.refused} errors answered and {measurement.broken} failures of connections "
                f"among {measurement.requests} requests"
            )
        return measurement

    return Target(name, measure)


def _await_right_answer(server: Server, question: Question) -> None:
    until = time.monotonic() + THAW_SECONDS
    while fault := find_fault_of(server.port, question):
        if time.monotonic() > until:
            raise FaultyError(f"wrong before it was timed: {fault}")
        time.sleep(0.2)


@contextmanager
def direct_loop(graph: Path, feed: Outputs, *, seconds: float, cores: Sequence[int]) -> Iterator[Target]:
    """Yield the target that calls onnxruntime on `feed` in a loop, one thread, all outputs, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "feed.npz"
        np.savez(file, allow_pickle=False, **feed)
        module = f"{__package__}.direct"
        command = pinned([sys.executable, "-m", module, str(graph), str(file), str(seconds)], cores)

        def measure() -> Measurement:
            return parse(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

        yield Target(DIRECT, measure)
