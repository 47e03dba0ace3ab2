"""What the service does at five times its capacity.

A model of 1.1 million weights, 256 rows a request, one onnxruntime thread. Capacity is what 8 connections in a closed
loop get; then requests come at five times that rate whatever becomes of them. Goodput is what is answered with 200,
in requests a second over the whole run; latency counts from when a request was due. A probe asks for health ten times
a second meanwhile.

    python -m tests.benchmarks.overload
"""

import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import perf_counter

from tests.benchmarks.load import Connection, closed_loop, open_loop, request
from tests.benchmarks.wide_model import WIDE, body
from tests.service.process import running

DEADLINE = 2.0
SECONDS = 20.0


async def probe(url: str, path: str, found: list[tuple[int, float]]) -> None:
    connection = await Connection.open(url)
    while True:
        started = perf_counter()
        status, _ = await connection.ask(request(url, path))
        found.append((status, perf_counter() - started))
        await asyncio.sleep(0.1)


async def measure(url: str) -> None:
    data = request(url, "/v1/models/wide:predict", body(256))
    await closed_loop(url, data, 8, 50)
    calm = await closed_loop(url, data, 8, 400)
    capacity = calm.statuses[200] / calm.elapsed
    print(f"capacity {capacity:.0f} requests/s, p99 {1000 * calm.percentile(200, 99):.0f} ms")

    live: list[tuple[int, float]] = []
    ready: list[tuple[int, float]] = []
    probes = [
        asyncio.create_task(probe(url, "/v2/health/live", live)),
        asyncio.create_task(probe(url, "/v2/health/ready", ready)),
    ]
    stormy = await open_loop(url, data, 5 * capacity, SECONDS)
    for task in probes:
        task.cancel()
    goodput = stormy.statuses[200] / stormy.elapsed
    print(f"at 5 × capacity: statuses {dict(stormy.statuses)}")
    print(f"goodput {goodput:.0f} requests/s, {goodput / capacity:.2f} of capacity")
    print(f"accepted p99 {stormy.percentile(200, 99):.2f} s of a deadline of {DEADLINE} s")
    if 503 in stormy.seconds:
        print(f"refused in {1000 * stormy.percentile(503, 50):.1f} ms (median)")
    for name, found in (("live", live), ("ready", ready)):
        slowest = 1000 * max(seconds for _, seconds in found)
        print(f"{name}: statuses {dict(Counter(status for status, _ in found))}, slowest answer {slowest:.0f} ms")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder)
        if not (repository / WIDE.name).exists():
            WIDE.export(repository)
        arguments = ("--threads", "1", "--deadline-seconds", str(DEADLINE), "--drain-seconds", "0")
        with running(repository, *arguments) as service:
            asyncio.run(measure(service.url))


if __name__ == "__main__":
    main()
