"""Whether memory stays flat: a million requests, then 300 times unloading and loading a model.

One-row predictions of the bundled Pima model over 32 connections, good ones, bad ones and an unknown model, so
that errors are soaked too. The slope is a least-squares line through the resident memory after the first fifth.

    python -m tests.benchmarks.soak [requests] [cycles]
"""

import asyncio
import sys
from pathlib import Path

import numpy as np

from tests.benchmarks.load import Connection, closed_loop, request
from tests.service.process import Process, running

CHUNK = 20_000
GOOD = b'{"instances":[[6,148,72,35,null,33.6,0.627,50]]}'
BAD = b'{"instances":[[6,148,"72",35,null,33.6,0.627,50]]}'
KEY = "soak-soak-soak-soak"


def series(exposition: bytes) -> int:
    return sum(1 for line in exposition.splitlines() if not line.startswith(b"#"))


async def soak(service: Process, requests: int) -> None:
    url = service.url
    kinds = [
        request(url, "/v1/models/pima:predict", GOOD),
        request(url, "/v1/models/pima:predict", BAD),
        request(url, "/v1/models/nobody:predict", GOOD),
    ]
    memory: list[tuple[int, float]] = []
    for done in range(0, requests, CHUNK):
        for data, share in zip(kinds, (0.8, 0.1, 0.1), strict=True):
            outcome = await closed_loop(url, data, 32, round(CHUNK * share))
            assert set(outcome.statuses) <= {200, 400, 404}, outcome.statuses
        memory.append((done + CHUNK, service.resident_megabytes()))
    settled = np.array(memory[len(memory) // 5 :])
    slope = np.polyfit(settled[:, 0], settled[:, 1], 1)[0] * 100_000
    print(f"{requests} requests: {memory[0][1]:.1f} MB after {CHUNK}, {memory[-1][1]:.1f} MB at the end")
    print(f"slope after the first fifth: {slope:+.3f} MB per 100,000 requests")


async def cycle(service: Process, cycles: int) -> None:
    connection = await Connection.open(service.url)
    headers = [f"authorization: Bearer {KEY}"]
    load, unload = (
        request(service.url, f"/v2/repository/models/pima/{act}", b"{}", headers) for act in ("load", "unload")
    )

    async def once() -> None:
        for data in (unload, load):
            status, answer = await connection.ask(data)
            assert status == 200, answer

    for _ in range(20):
        await once()
    before = service.resident_megabytes()
    for _ in range(cycles):
        await once()
    after = service.resident_megabytes()
    print(f"{cycles} unload/load cycles: {before:.1f} MB before, {after:.1f} MB after ({after / before - 1:+.1%})")


async def scan(service: Process) -> None:
    connection = await Connection.open(service.url)
    metrics = request(service.url, "/metrics")
    unknown = [request(service.url, path) for path in ("/scan", "/v2/models/scan", "/v2/models/pima/versions/7")]
    for data in unknown:
        await connection.ask(data)
    await connection.ask(metrics)
    before = series((await connection.ask(metrics))[1])
    for index in range(10_000):
        path = (f"/{index}/x", f"/v2/models/m{index}", f"/v2/models/pima/versions/{index + 2}")[index % 3]
        await connection.ask(request(service.url, path))
    after = series((await connection.ask(metrics))[1])
    print(f"series before and after 10,000 random paths, models and versions: {before}, {after}")


async def run(service: Process, requests: int, cycles: int) -> None:
    await scan(service)
    await soak(service, requests)
    await cycle(service, cycles)


def main() -> None:
    requests, cycles = (int(value) for value in (*sys.argv[1:3], *("1000000", "300")[len(sys.argv) - 1 :]))
    with running(Path("deploy/models"), "--drain-seconds", "0", CHAINZRULE_ADMIN_KEYS=KEY) as service:
        asyncio.run(run(service, requests, cycles))


if __name__ == "__main__":
    main()
