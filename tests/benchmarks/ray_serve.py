"""What Ray Serve costs beside the plain service.

The bundled model `pima` on the plain service, on Ray Serve behind its own proxy, and on Ray Serve behind HAProxy with
its options for throughput: one replica, one onnxruntime thread, every server with all its processes on one core, `wrk`
on another. Alternating rounds; a server is frozen while others are measured, and answers are checked before and after.
Processor time is that of all a server's processes together: it stands too where the machine has something else to do.

    python -m tests.benchmarks.ray_serve
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from tests.benchmarks.serving.bench import serve_alone
from tests.benchmarks.serving.machine import divide_cores
from tests.benchmarks.serving.model import REPOSITORY, ask_rows
from tests.benchmarks.serving.processes import Server
from tests.benchmarks.serving.protocols import reliable_predictions
from tests.benchmarks.serving.rounds import Target, interleave, spread
from tests.benchmarks.serving.targets import WARM_UP_SECONDS, over_http
from tests.benchmarks.serving.wrk import Measurement
from tests.deploy.ray.cluster import serving_cluster

ROUNDS, SECONDS = 5, 3.0
HAPROXY = {"RAY_SERVE_ENABLE_HA_PROXY": "1", "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1"}
PLAIN, RAY, RAY_HAPROXY = "the service", "Ray Serve", "Ray Serve, HAProxy"
QUESTIONS = ((1, 16), (256, 4))
"""Rows a request, connections."""


@contextmanager
def on_ray(environment: dict[str, str]) -> Iterator[Server]:
    cores = divide_cores().server
    one = {"autoscaling_config": None, "num_replicas": 1}
    with tempfile.TemporaryDirectory() as folder:
        arguments = {"repository": str(REPOSITORY.resolve())}
        with serving_cluster(Path(folder), arguments, one, environment, cores) as server:
            yield server


def counting(target: Target, server: Server, costs: list[float]) -> Target:
    """Return the target that also notes what a request costs `server`, in seconds of the processor."""

    def measure() -> Measurement:
        before = server.processor_seconds()
        measurement = target.measure()
        # The warm-up's requests, which nobody counts, came at the same rate.
        requests = measurement.rate * (measurement.seconds + WARM_UP_SECONDS)
        costs.append((server.processor_seconds() - before) / requests)
        return measurement

    return Target(target.name, measure)


def main() -> None:
    cores = divide_cores()
    print(f"{len(cores.every)} cores, load average {os.getloadavg()[0]:.1f}")
    questions = {rows: reliable_predictions(ask_rows(rows)) for rows, _ in QUESTIONS}
    starts: dict[str, Callable[[], AbstractContextManager[Server]]] = {
        PLAIN: lambda: serve_alone(questions[1], cores.server, "--threads", "1", "--drain-seconds", "0"),
        RAY: lambda: on_ray({}),
        RAY_HAPROXY: lambda: on_ray(HAPROXY),
    }
    with ExitStack() as stack:
        servers = {}
        for name, start in starts.items():
            servers[name] = stack.enter_context(start())
            memory = servers[name].memory()
            print(f"{name}: first answer after {servers[name].seconds_to_answer:.1f} s, {memory.proportional:.0f} MB")
            servers[name].freeze()
        for rows, connections in QUESTIONS:
            print(f"\n{rows} rows, {connections} connections")
            costs: dict[str, list[float]] = {name: [] for name in servers}
            targets = []
            for name, server in servers.items():
                question = questions[rows]
                target = over_http(name, server, question, connections=connections, seconds=SECONDS, cores=cores)
                targets.append(counting(target, server, costs[name]))
            measured = interleave(targets, ROUNDS)
            if measured.faults:
                sys.exit(f"not to be compared: {dict(measured.faults)}")
            print(f"{'':20}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'processor ms a request':>24}")
            for name, rounds in measured.rounds.items():
                rate, p50, p99 = (
                    spread([getattr(each, field) for each in rounds]).median for field in ("rate", "p50_ms", "p99_ms")
                )
                print(f"{name:20}{rate:>12,.0f}{p50:>9.2f}{p99:>9.2f}{1e3 * spread(costs[name]).median:>24.2f}")


if __name__ == "__main__":
    main()
