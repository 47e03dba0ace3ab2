"""What was measured, and by which command; `replica.json` and `prometheus.json` beside this file hold the outcome."""

import json
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent
REPLICA_COMMAND = "python -m tests.benchmarks.capacity"
PROMETHEUS_COMMAND = "python -m tests.benchmarks.fleet_metrics"


class Model(NamedTuple):
    """What a model costs; of one like it in size and in kind of input."""

    request_microseconds: float
    """processor time of a request, its rows apart"""
    row_microseconds: float
    """processor time that each row adds"""
    megabytes: float
    series: int
    scrape_bytes: int


class Replica(NamedTuple):
    """What a replica holds and shows before any model."""

    megabytes: float
    series: int
    scrape_bytes: int


class Monitoring(NamedTuple):
    """What a Prometheus with the project's rules cost in the largest fleet that was simulated."""

    replicas: int
    series: float
    samples_per_second: float
    interval_seconds: float
    cores: float
    megabytes: float
    slowest_group: str
    """the rule group that took the largest share of its interval"""
    slowest_share: float


class Measured(NamedTuple):
    """Everything that `sizing` reckons with."""

    processor: str
    models: dict[str, Model]
    replica: Replica
    monitoring: Monitoring


def read() -> Measured:
    """Return what was measured."""
    of_replica: dict[str, Any] = json.loads((FOLDER / "replica.json").read_text(encoding="utf-8"))
    of_prometheus: dict[str, Any] = json.loads((FOLDER / "prometheus.json").read_text(encoding="utf-8"))
    largest = max(of_prometheus["runs"], key=lambda run: run["replicas"])
    shares = {
        name: group["slowest_seconds"] / group["interval_seconds"] for name, group in largest["rule_groups"].items()
    }
    slowest = max(shares, key=lambda name: shares[name])
    return Measured(
        of_replica["machine"]["processor"],
        {name: Model(**costs) for name, costs in of_replica["models"].items()},
        Replica(**of_replica["replica"]),
        Monitoring(
            largest["replicas"],
            largest["head_series"],
            largest["samples_per_second"],
            largest["interval_seconds"],
            largest["cores"],
            largest["resident_megabytes"],
            slowest,
            shares[slowest],
        ),
    )
