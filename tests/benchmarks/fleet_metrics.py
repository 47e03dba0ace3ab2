"""Whether one Prometheus keeps up with a large fleet, and what gives way first.

The exposition of a real replica with the bundled models, after requests to each, is served once for every replica, its
counters going on by steps that differ from replica to replica. A real Prometheus scrapes all of them with the
project's configuration and rules, at the interval given, and says of itself what that cost.

    python -m tests.benchmarks.fleet_metrics [--replicas 500] [--interval 15] [--minutes 6] [--json FILE]

The long windows of the rules hold no more than the time that this runs. Groups of one name in both files of rules count
as one, their intervals and their durations added.
"""

import argparse
import asyncio
import json
import re
import tempfile
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, NamedTuple

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from service.protocol.examples import example_instances
from service.version_folder import read_manifest
from tests.benchmarks.load import closed_loop, request
from tests.benchmarks.serving.machine import describe_machine, divide_cores
from tests.deploy.prometheus import Prometheus, started, write_configuration
from tests.service.process import running

MODELS = Path(__file__).parents[2] / "deploy" / "models"

_GROWS = re.compile(r"_(total|bucket|count|sum)(\{|$)")
_PHASES = 16
"""Replicas whose counters differ: each is so many steps behind."""


def real_exposition() -> str:
    """Return what a replica exposes after 200 requests to each of the bundled models."""

    async def use(url: str) -> None:
        for folder in sorted(MODELS.glob("*/*")):
            manifest = read_manifest(folder)
            body = json.dumps(example_instances(manifest)).encode()
            await closed_loop(url, request(url, f"/v1/models/{manifest.name}:predict", body), 4, 200)

    with running(MODELS, "--threads", "1") as service:
        asyncio.run(use(service.url))
        return httpx2.get(f"{service.url}/metrics", trust_env=False).text


class Fleet(asyncio.Protocol):
    """Answers `GET /<number>` with that replica's exposition as it is by now."""

    exposition: "MovingExposition"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._received = transport, b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            path = self._received.split(b" ", 2)[1]
            self._received = self._received[end + 4 :]
            text = self.exposition.of(int(path[1:]))
            head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: %d\r\n\r\n" % len(
                text
            )
            self._transport.write(head + text)


class MovingExposition:
    """A real exposition whose counters go on: at step s every counter is its value times a number that grows with s.

    Args:
        text: the exposition.
        seconds: between steps.
    """

    def __init__(self, text: str, seconds: float) -> None:
        self._lines = text.splitlines()
        self._seconds = seconds
        generator = Random(0)
        self._factors = list(accumulate(generator.randint(1, 9) for _ in range(100_000)))
        self._texts: dict[int, bytes] = {}
        self._started = monotonic()

    def of(self, replica: int) -> bytes:
        step = _PHASES + int((monotonic() - self._started) / self._seconds) - replica % _PHASES
        if step not in self._texts:
            self._texts.pop(step - 2 * _PHASES, None)
            self._texts[step] = "\n".join(self._at(self._factors[step])).encode() + b"\n"
        return self._texts[step]

    def _at(self, factor: int) -> Iterator[str]:
        for line in self._lines:
            name, _, value = line.rpartition(" ")
            grows = not line.startswith("#") and _GROWS.search(name.split("{")[0] + "{")
            yield f"{name} {float(value) * factor!r}" if grows else line


class Cost(NamedTuple):
    """What Prometheus says of itself."""

    samples: dict[str, float]

    @classmethod
    def read(cls, prometheus: Prometheus) -> "Cost":
        samples: dict[str, float] = {}
        for family in text_string_to_metric_families(prometheus.own_metrics()):
            for sample in family.samples:
                key = f"{sample.name} {sample.labels.get('rule_group', '').partition(';')[2]}".strip()
                samples[key] = samples.get(key, 0.0) + sample.value
        return cls(samples)

    def groups(self, name: str) -> dict[str, float]:
        """Return a metric's values by rule group."""
        return {key.partition(" ")[2]: value for key, value in self.samples.items() if key.startswith(f"{name} ")}


async def watch(prometheus: Prometheus, minutes: float) -> dict[str, Any]:
    """Return what the last third of `minutes` cost."""
    await asyncio.sleep(minutes * 40)
    before, started_at = await asyncio.to_thread(Cost.read, prometheus), monotonic()
    slowest: dict[str, float] = {}
    memory = 0.0
    while monotonic() - started_at < minutes * 20:
        await asyncio.sleep(5)
        now = await asyncio.to_thread(Cost.read, prometheus)
        for group, seconds in now.groups("prometheus_rule_group_last_duration_seconds").items():
            slowest[group] = max(slowest.get(group, 0.0), seconds)
        memory = max(memory, now.samples["process_resident_memory_bytes"])
    elapsed = monotonic() - started_at

    def grown(name: str) -> float:
        return (now.samples[name] - before.samples[name]) / elapsed

    scrapes = await asyncio.to_thread(prometheus.query, 'quantile(0.99, scrape_duration_seconds{job="chainzrule"})')
    up = await asyncio.to_thread(prometheus.query, 'sum(up{job="chainzrule"})')
    missed = now.groups("prometheus_rule_group_iterations_missed_total")
    intervals = now.groups("prometheus_rule_group_interval_seconds")
    return {
        "up": float(up[0]["value"][1]),
        "head_series": now.samples["prometheus_tsdb_head_series"],
        "samples_per_second": round(grown("prometheus_tsdb_head_samples_appended_total")),
        "cores": round(grown("process_cpu_seconds_total"), 3),
        "resident_megabytes": round(memory / 2**20),
        "scrape_p99_seconds": round(float(scrapes[0]["value"][1]), 4),
        "rule_groups": {
            group: {
                "interval_seconds": intervals[group],
                "slowest_seconds": round(seconds, 4),
                "missed": missed.get(group, 0.0),
            }
            for group, seconds in sorted(slowest.items())
        },
    }


async def simulate(text: str, replicas: int, interval: int, minutes: float, folder: Path) -> dict[str, Any]:
    """Return the cost of scraping so many replicas for so long."""
    Fleet.exposition = MovingExposition(text, interval)
    server = await asyncio.get_running_loop().create_server(Fleet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    targets = [
        {
            "targets": [f"127.0.0.1:{port}"],
            "labels": {"__metrics_path__": f"/{replica}", "instance": f"replica-{replica}"},
        }
        for replica in range(replicas)
    ]
    write_configuration(folder, targets, f"{interval}s")
    context = started(folder)
    prometheus = await asyncio.to_thread(context.__enter__)
    try:
        found = await watch(prometheus, minutes)
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)
        server.close()
    return {"replicas": replicas, "interval_seconds": interval, "minutes": minutes, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description="Scrape a simulated fleet with a real Prometheus.")
    parser.add_argument("--replicas", type=int, nargs="+", default=[500])
    parser.add_argument("--interval", type=int, default=15, help="seconds between scrapes")
    parser.add_argument("--minutes", type=float, default=6)
    parser.add_argument("--json", type=Path, help="where the figures go, too")
    arguments = parser.parse_args()
    text = real_exposition()
    found = []
    for replicas in arguments.replicas:
        with tempfile.TemporaryDirectory() as folder:
            outcome = asyncio.run(simulate(text, replicas, arguments.interval, arguments.minutes, Path(folder)))
        found.append(outcome)
        print(json.dumps(outcome, indent=2), flush=True)
    if arguments.json:
        document = {"machine": describe_machine(divide_cores()), "runs": found}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
