import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from service.inputs import Feature, TableInput
from service.monitoring.feature_counts import ANY, MOST_FEATURES, Counted, FeatureCounts


def table_of(width: int, *, prefix: str = "x", maximum: float = 2.5) -> TableInput:
    features = [
        Feature(
            name=f"{prefix}{index}",
            minimum=-0.1,
            maximum=maximum,
            mean=0,
            standard_deviation=1,
            may_be_missing=True,
            missing_ratio=0,
            example=0,
        )
        for index in range(width)
    ]
    return TableInput(features=tuple(features), clamp=10)


def counts(registry: CollectorRegistry, name: str) -> dict[str, float]:
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        sample.labels["feature"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == f"{name}_total"
    }


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def features(registry: CollectorRegistry) -> FeatureCounts:
    return FeatureCounts(Counted("missing", "Missing."), Counted("outside", "Outside."), ("model",), registry)


def made_up(rows: int, width: int) -> NDArray[np.float32]:
    generator = np.random.default_rng(rows)
    values = generator.normal(1, 1.5, size=(rows, width)).astype(np.float32)
    values[generator.random(values.shape) < 0.2] = np.nan
    return values


@pytest.mark.parametrize("rows", [1, 32, 64, 65, 1000, 9000])
@pytest.mark.parametrize("width", [1, 8, MOST_FEATURES])
def test_counts_as_a_loop_would(registry: CollectorRegistry, features: FeatureCounts, rows: int, width: int) -> None:
    tally = features.labels("m", table=table_of(width))
    values = made_up(rows, width)
    tally.observe(values)
    tally.observe(values[:1])
    values = np.concatenate([values, values[:1]])
    missing = {f"x{index}": float(np.isnan(column).sum()) for index, column in enumerate(values.T)}
    outside = {
        f"x{index}": float(((column < np.float32(-0.1)) | (column > 2.5)).sum())
        for index, column in enumerate(values.T)
    }
    assert counts(registry, "missing") == missing
    assert counts(registry, "outside") == outside


def test_the_training_extremes_are_within(registry: CollectorRegistry, features: FeatureCounts) -> None:
    ulp = np.float32(1e-8)
    features.labels("m", table=table_of(1)).observe(np.array([[-0.1], [2.5], [np.float32(-0.1) - ulp]], np.float32))
    assert counts(registry, "outside") == {"x0": 1}


def test_a_wide_table_has_one_series_of_rows(registry: CollectorRegistry, features: FeatureCounts) -> None:
    values = np.zeros((4, MOST_FEATURES + 1), np.float32)
    values[0, :50] = np.nan
    values[1, 3], values[1, 5] = np.nan, 99
    values[2, :] = -99
    features.labels("m", table=table_of(MOST_FEATURES + 1)).observe(values)
    assert counts(registry, "missing") == {ANY: 2}
    assert counts(registry, "outside") == {ANY: 2}


def test_a_version_loaded_anew_counts_on_unless_its_features_are_others(
    registry: CollectorRegistry, features: FeatureCounts
) -> None:
    row = np.array([[3, np.nan]], np.float32)
    features.labels("m", table=table_of(2)).observe(row)
    features.labels("m", table=table_of(2, maximum=4)).observe(row)
    assert counts(registry, "missing") == {"x0": 0, "x1": 2}
    assert counts(registry, "outside") == {"x0": 1, "x1": 0}
    features.labels("m", table=table_of(3, prefix="y")).observe(np.zeros((1, 3), np.float32))
    assert counts(registry, "missing") == {"y0": 0, "y1": 0, "y2": 0}


def test_a_version_that_is_gone_takes_its_series(registry: CollectorRegistry, features: FeatureCounts) -> None:
    features.labels("m", table=table_of(1)).observe(np.full((1, 1), np.nan, np.float32))
    features.remove("m")
    features.remove("never there")
    assert not counts(registry, "missing")
