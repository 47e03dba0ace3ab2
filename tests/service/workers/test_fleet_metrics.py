"""Adding up the workers' metrics, without any worker."""

import random
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from service.inference.model import Model
from service.inference.repository import Repository
from service.monitoring.metrics import Metrics
from service.workers.fleet_metrics import FleetMetrics
from service.workers.snapshot import Family, Sample, take_snapshot
from tests.conftest import Exported


def samples(fleet: FleetMetrics) -> dict[str, float]:
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(fleet.exposition().decode())
        for sample in family.samples
    }


def worker(rows: float, *, seconds: tuple[float, ...] = (), gauges: dict[str, float] | None = None) -> list[Family]:
    registry = CollectorRegistry()
    Counter("chainzrule_rows", "Rows.", ("model",), registry=registry).labels('a "plant"').inc(rows)
    histogram = Histogram("seconds", "Seconds.", buckets=(0.1, 1.0), registry=registry)
    for value in seconds:
        histogram.observe(value)
    for name, value in (gauges or {}).items():
        Gauge(name, "Gauge.", registry=registry).set(value)
    return take_snapshot(registry)


def counter(value: float) -> list[Family]:
    return [Family("seconds", "Seconds.", "counter", [Sample("seconds_total", {}, value)])]


def test_counters_and_histograms_add_up() -> None:
    fleet = FleetMetrics()
    fleet.report(1, worker(3, seconds=(0.05, 0.5)))
    fleet.report(2, worker(4, seconds=(0.5, 2.0)))
    found = samples(fleet)
    assert found['chainzrule_rows_total a "plant"'] == 7
    assert [found[f"seconds_bucket {bound}"] for bound in ("0.1", "1.0", "+Inf")] == [1, 3, 4]
    assert found["seconds_count"] == 4
    assert found["seconds_sum"] == pytest.approx(3.05)


def test_what_is_counted_by_feature_adds_up_and_a_reference_stays_what_it_is(exported: Exported) -> None:
    fleet = FleetMetrics()
    repository = Repository(exported.repository, partial(Model.load, threads=1))
    repository.refresh()
    rows = np.array([[np.nan, 1e9, np.nan, 0]], np.float32)
    for process in (1, 2):
        metrics = Metrics()
        metrics.declare_models(repository)
        model = repository.get("plant")
        metrics.of(model).record(rows, model.score(rows))
        fleet.report(process, take_snapshot(metrics.registry))
    found = samples(fleet)
    assert found["chainzrule_feature_missing_total temperature plant 1"] == 2
    assert found["chainzrule_feature_out_of_range_total pressure plant 1"] == 2
    assert found["chainzrule_reference_calibration_rows plant 1"] == 180
    assert found["chainzrule_reference_typicality 1.0 plant 1"] == 1
    assert {value for name, value in found.items() if "tail_ratio_bound" in name} == {1}


def test_a_later_report_takes_the_place_of_an_earlier_one() -> None:
    fleet = FleetMetrics()
    fleet.report(1, worker(3))
    fleet.report(1, worker(5))
    assert samples(fleet)['chainzrule_rows_total a "plant"'] == 5


def test_the_counts_of_the_dead_stay_and_their_gauges_go() -> None:
    fleet = FleetMetrics()
    gauges = {"chainzrule_queue_rows": 10.0, "chainzrule_model_ready": 1.0}
    for process in (1, 2, 3):
        fleet.report(process, worker(process, seconds=(0.5,), gauges=gauges))
    fleet.depart(1)
    fleet.depart(3)
    fleet.depart(4)  # never reported
    found = samples(fleet)
    assert found['chainzrule_rows_total a "plant"'] == 6
    assert found["seconds_count"] == 3
    assert found["chainzrule_queue_rows"] == 10
    assert found["chainzrule_workers"] == 1
    fleet.depart(2)
    found = samples(fleet)
    assert found['chainzrule_rows_total a "plant"'] == 6
    assert "chainzrule_queue_rows" not in found


def test_gauges_add_where_each_worker_has_its_share_and_else_the_greatest_stands() -> None:
    fleet = FleetMetrics()
    for process, value in ((1, 2.0), (2, 3.0)):
        names = ("chainzrule_http_requests_in_progress", "process_resident_memory_bytes", "chainzrule_threads")
        gauges = dict.fromkeys(names, value)
        fleet.report(process, worker(0, gauges=gauges | {"process_start_time_seconds": value}))
    found = samples(fleet)
    assert found["chainzrule_http_requests_in_progress"] == 5
    assert found["process_resident_memory_bytes"] == 5
    assert found["chainzrule_threads"] == 3
    assert found["process_start_time_seconds"] == 2
    fleet.depart(1)
    assert samples(fleet)["process_start_time_seconds"] == 2


def test_a_model_that_one_worker_cannot_serve_is_not_ready() -> None:
    fleet = FleetMetrics()
    for process, ready in ((1, 1.0), (2, 0.0), (3, 1.0)):
        fleet.report(process, worker(0, gauges={"chainzrule_model_ready": ready}))
    assert samples(fleet)["chainzrule_model_ready"] == 0
    fleet.depart(2)
    assert samples(fleet)["chainzrule_model_ready"] == 1


def test_restarts_are_counted() -> None:
    fleet = FleetMetrics()
    assert samples(fleet)["chainzrule_worker_restarts_total"] == 0
    fleet.restarts += 1
    assert samples(fleet)["chainzrule_worker_restarts_total"] == 1


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_a_sum_is_exact_to_its_last_bit_whoever_dies_and_in_any_order(
    values: list[float], shuffled: random.Random
) -> None:
    fleet = FleetMetrics()
    for process, value in enumerate(values):
        fleet.report(process, counter(value))
    exact = float(sum(map(Fraction, values)))
    order = list(range(len(values)))
    shuffled.shuffle(order)
    for process in order:
        assert samples(fleet)["seconds_total"] == exact
        fleet.depart(process)
    assert samples(fleet)["seconds_total"] == exact


def test_a_sum_that_is_not_finite_ends_nothing() -> None:
    fleet = FleetMetrics()
    for process, value in enumerate((float("nan"), float("inf"), 1.0)):
        fleet.report(process, counter(value))
        fleet.depart(process)
    assert not samples(fleet)["seconds_total"] < float("inf")
