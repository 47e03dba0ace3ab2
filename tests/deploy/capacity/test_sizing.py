"""The calculator's formulae, on round numbers."""

import pytest

from deploy.capacity.measured import Measured, Model, Monitoring, Replica, read
from deploy.capacity.sizing import Traffic, size

MEASURED = Measured(
    "a made-up processor",
    {"small": Model(100.0, 10.0, 2.0, 400, 30_000)},
    Replica(100.0, 100, 10_000),
    Monitoring(100, 50_000, 5_000, 10, 0.5, 512, "slow", 0.2),
)
TRAFFIC = Traffic(
    "small",
    requests=1000,
    rows=10,
    versions=2,
    utilisation=0.5,
    workers=1,
    spare=1,
    scrape_seconds=10,
    retention_days=1,
)


def test_a_traffic_takes_the_cores_that_its_requests_and_rows_keep_busy() -> None:
    found = size(TRAFFIC, MEASURED)
    assert found.busy_cores == pytest.approx(0.2)
    assert (found.replicas, found.cores) == (2, 2)
    assert size(TRAFFIC._replace(requests=10_000), MEASURED).replicas == 5
    assert size(TRAFFIC._replace(requests=10_000, workers=2), MEASURED)[2:4] == (3, 6)


def test_every_version_adds_its_memory_and_series_to_every_replica() -> None:
    found = size(TRAFFIC, MEASURED)
    assert found.replica_megabytes == 104
    assert (found.series_per_replica, found.series, found.scrape_kilobytes) == (900, 1800, 70)
    twice = size(TRAFFIC._replace(workers=2), MEASURED)
    assert (twice.replica_megabytes, twice.series_per_replica) == (208, 900)


def test_prometheus_costs_in_proportion() -> None:
    found = size(TRAFFIC, MEASURED)
    assert found.samples_per_second == 180
    assert found.prometheus_cores == pytest.approx(0.5 * 180 / 5000)
    assert found.prometheus_gigabytes == pytest.approx(0.5 * 1800 / 50_000)
    assert found.prometheus_disk_gigabytes == pytest.approx(180 * 86_400 * 2 / 1e9)
    assert found.rules_share == pytest.approx(0.2 * 1800 / 50_000)


def test_what_was_measured_is_there_for_every_bundled_model() -> None:
    measured = read()
    assert {"pima", "pump", "cifar10"} <= measured.models.keys()
    assert measured.monitoring.replicas >= 500
    assert measured.monitoring.slowest_share < 1, "the rules stayed within their interval"
