"""What a request, a row, a model and a replica cost, for `python -m deploy.capacity`.

Processor time is the service's own, of all its threads, while it answers requests of one row and then of 64 over eight
connections: a line through the two gives what a request costs and what each row adds. Memory and metrics are those of
one model and of eleven copies of it, after each copy was asked. All of one worker with one onnxruntime thread.

    python -m tests.benchmarks.capacity

writes deploy/capacity/replica.json.
"""

import asyncio
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import httpx2

from service.protocol.examples import example_instances
from service.version_folder import read_manifest
from tests.benchmarks.load import closed_loop, request
from tests.benchmarks.serving.machine import describe_machine, divide_cores
from tests.service.process import Process, running

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "deploy" / "models"
RESULT = ROOT / "deploy" / "capacity" / "replica.json"

COPIES = 11
CONNECTIONS = 8
ROWS = (1, 64)
SECONDS = 2.0
"""of processor time that each figure is taken from, about"""


class Held(NamedTuple):
    """What a replica holds and shows."""

    megabytes: float
    series: int
    scrape_bytes: int


def processor_seconds(service: Process) -> float:
    """Return the processor time that the service has used, user and system."""
    fields = Path(f"/proc/{service.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def body(folder: Path, rows: int) -> bytes:
    (instance,) = example_instances(read_manifest(folder))["instances"]
    return json.dumps({"instances": [instance] * rows}).encode()


async def cost(service: Process, data: bytes, requests: int) -> float:
    """Return the seconds of processor time that each of so many equal requests costs."""
    before = processor_seconds(service)
    outcome = await closed_loop(service.url, data, CONNECTIONS, requests)
    assert set(outcome.statuses) == {200}, outcome.statuses
    return max(processor_seconds(service) - before, 0.01) / requests


def time_of(repository: Path, folder: Path) -> tuple[float, float]:
    """Return the seconds of processor time that a request costs, and that each of its rows adds."""
    path = f"/v1/models/{folder.parent.name}:predict"
    costs = []
    # On a busy machine a request may take longer than any client would wait.
    with running(repository, "--threads", "1", "--deadline-seconds", "600") as service:
        for rows in ROWS:
            data = request(service.url, path, body(folder, rows))
            asyncio.run(cost(service, data, CONNECTIONS))
            rough = asyncio.run(cost(service, data, 4 * CONNECTIONS))
            costs.append(asyncio.run(cost(service, data, max(round(SECONDS / rough), CONNECTIONS))))
    row = (costs[1] - costs[0]) / (ROWS[1] - ROWS[0])
    # Where reading a row is all that costs, the line may begin below nothing: then all is laid on the rows.
    return (costs[0] - row, row) if row < costs[0] else (0.0, max(costs[0], costs[1] / ROWS[1]))


def held(repository: Path, folder: Path) -> Held:
    """Return what a replica that serves `repository`, copies of the model in `folder`, holds once each was asked."""
    with running(repository, "--threads", "1") as service, httpx2.Client(trust_env=False) as client:
        for copy in repository.iterdir():
            answer = client.post(f"{service.url}/v1/models/{copy.name}:predict", content=body(folder, 1))
            assert answer.status_code == 200, answer.text
        client.get(f"{service.url}/metrics")
        text = client.get(f"{service.url}/metrics").text
        samples = [line for line in text.splitlines() if not line.startswith("#")]
        return Held(service.resident_megabytes(), len(samples), len(text))


def copies(folder: Path, count: int, repository: Path) -> Path:
    """Put so many models with the weights of `folder` into `repository`; the first keeps its name."""
    for number in range(count):
        name = folder.parent.name + (f"-{number}" if number else "")
        copy = repository / name / folder.name
        shutil.copytree(folder, copy)
        manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
        (copy / "manifest.json").write_text(json.dumps(manifest | {"name": name}), encoding="utf-8")
    return repository


def main() -> None:
    models, replicas = {}, []
    for folder in sorted(MODELS.glob("*/*")):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as many:
            single = copies(folder, 1, Path(one))
            per_request, per_row = time_of(single, folder)
            least, most = held(single, folder), held(copies(folder, COPIES, Path(many)), folder)
        marginal = [(more - less) / (COPIES - 1) for less, more in zip(least, most, strict=True)]
        replicas.append([less - each for less, each in zip(least, marginal, strict=True)])
        models[folder.parent.name] = {
            "request_microseconds": round(1e6 * per_request, 1),
            "row_microseconds": round(1e6 * per_row, 1),
            "megabytes": round(marginal[0], 2),
            "series": round(marginal[1]),
            "scrape_bytes": round(marginal[2]),
        }
        print(folder.parent.name, models[folder.parent.name], flush=True)
    megabytes, series, scrape_bytes = (max(values) for values in zip(*replicas, strict=True))
    document = {
        "machine": describe_machine(divide_cores()),
        "replica": {"megabytes": round(megabytes, 1), "series": round(series), "scrape_bytes": round(scrape_bytes)},
        "models": models,
    }
    print(document["replica"])
    RESULT.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
