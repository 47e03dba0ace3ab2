import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from service.monitoring.array_histogram import ArrayHistogram

BOUNDS = (0.125, 0.5, 1.0, 2.0)


def samples(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name, sample.labels.get("le", "")): sample.value for family in families for sample in family.samples
    }


@given(st.lists(st.sampled_from(BOUNDS) | st.floats(-10, 10, width=32), min_size=1, max_size=50))
def test_counts_a_batch_as_the_clients_own_histogram_counts_its_values(values: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    batched = ArrayHistogram("metric", "A metric.", ("model",), BOUNDS, ours)
    reference = Histogram("metric", "A metric.", ("model",), buckets=BOUNDS, registry=theirs)
    batched.labels("m").observe(np.array(values[:20], dtype=np.float32))
    batched.labels("m").observe(np.array(values[20:], dtype=np.float32))
    for value in values:
        reference.labels("m").observe(value)
    assert samples(ours) == pytest.approx(samples(theirs))


def test_a_label_set_can_be_removed_and_begins_anew() -> None:
    registry = CollectorRegistry()
    histogram = ArrayHistogram("metric", "A metric.", ("model",), BOUNDS, registry)
    held = histogram.labels("m")
    held.observe(np.ones(3, dtype=np.float32))
    histogram.remove("m")
    histogram.remove("never there")
    held.observe(np.ones(3, dtype=np.float32))
    assert not samples(registry)
    histogram.labels("m").observe(np.ones(1, dtype=np.float32))
    assert samples(registry)["metric_count", ""] == 1


def test_one_nan_or_infinity_spoils_nothing() -> None:
    registry = CollectorRegistry()
    histogram = ArrayHistogram("metric", "A metric.", ("model",), BOUNDS, registry)
    histogram.labels("m").observe(np.array([0.3, np.nan, np.inf, -np.inf], dtype=np.float32))
    found = samples(registry)
    assert found["metric_count", ""] == 1
    assert found["metric_sum", ""] == pytest.approx(0.3)


def test_float32_values_fall_into_the_bucket_that_their_decimal_names() -> None:
    registry = CollectorRegistry()
    histogram = ArrayHistogram("metric", "A metric.", ("model",), (0.1, 0.2), registry)
    histogram.labels("m").observe(np.array([0.1], dtype=np.float32))
    assert samples(registry)["metric_bucket", "0.1"] == 1
