"""The formulae: from traffic to replicas, and from replicas to Prometheus."""

from math import ceil
from typing import NamedTuple

from deploy.capacity.measured import Measured

BYTES_PER_SAMPLE = 2.0
"""On Prometheus's disk: its documentation says 1 to 2."""


class Traffic(NamedTuple):
    """What is asked for."""

    model: str
    """the measured model that the traffic's are like"""
    requests: float
    """a second, over all models"""
    rows: int
    """in each"""
    versions: int
    """of all models, that each replica holds"""
    utilisation: float
    """share of the cores that the traffic may keep busy"""
    workers: int
    """of each replica: a core and the models' memory for each, and one replica's series for all"""
    spare: int
    """replicas that may be gone without the others going beyond `utilisation`"""
    scrape_seconds: float
    retention_days: float


class Size(NamedTuple):
    """What it takes."""

    requests: float
    busy_cores: float
    replicas: int
    cores: int
    replica_megabytes: float
    series_per_replica: int
    scrape_kilobytes: float
    series: int
    samples_per_second: float
    prometheus_cores: float
    prometheus_gigabytes: float
    prometheus_disk_gigabytes: float
    rules_share: float
    """of its interval that the slowest rule group takes; at 1 the rules fall behind"""


def size(traffic: Traffic, measured: Measured) -> Size:
    """Return what `traffic` takes.

    Prometheus's cost is taken to be proportional: its processor time to samples a second, its memory and the time of
    its rules to series.
    """
    model, replica, monitoring = measured.models[traffic.model], measured.replica, measured.monitoring
    seconds = 1e-6 * (model.request_microseconds + traffic.rows * model.row_microseconds)
    busy = traffic.requests * seconds
    replicas = max(ceil(busy / traffic.utilisation / traffic.workers), 1) + traffic.spare
    series_per_replica = replica.series + traffic.versions * model.series
    series = replicas * series_per_replica
    samples = series / traffic.scrape_seconds
    return Size(
        traffic.requests,
        busy,
        replicas,
        replicas * traffic.workers,
        traffic.workers * (replica.megabytes + traffic.versions * model.megabytes),
        series_per_replica,
        (replica.scrape_bytes + traffic.versions * model.scrape_bytes) / 1e3,
        series,
        samples,
        monitoring.cores * samples / monitoring.samples_per_second,
        monitoring.megabytes * series / monitoring.series / 1024,
        samples * 86_400 * traffic.retention_days * BYTES_PER_SAMPLE / 1e9,
        monitoring.slowest_share * series / monitoring.series,
    )
