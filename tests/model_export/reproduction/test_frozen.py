import json

import numpy as np
import pytest
import torch

from model_export.errors import DataError
from model_export.reproduction.contender import NETWORKS
from model_export.reproduction.frozen import LOGISTIC, QUICK_SEEDS, SEEDS, Embedded, EmbeddedSet, FrozenTask, split
from model_export.reproduction.recipe import Recipe
from model_export.reproduction.selection import BUDGET

CLASSES = 3


def embedded(rows: int, seed: int) -> Embedded:
    """Three overlapping clouds in six dimensions, the last of which is constant."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, rows)
    found = generator.normal(size=(rows, 6)) + np.eye(6)[labels] * 2.5
    found[:, 5] = 7
    return Embedded(found.astype(np.float32), labels.astype(np.int64))


def load(quick: bool) -> EmbeddedSet:
    return EmbeddedSet(embedded(120 if quick else 240, 0), embedded(60, 1), embedded(90, 2), {"some": np.arange(30)})


def load_without_validation(quick: bool) -> EmbeddedSet:
    return load(quick)._replace(validation=None)


BASE = Recipe(hidden_widths=(8,), learning_rate=3e-2, batch_size=32, max_epochs=6, patience=2)


def task(base: Recipe = BASE, **settings: object) -> FrozenTask:
    usual = {
        "load": load,
        "data": {"encoder": "made up"},
        "classes": CLASSES,
        "base": base,
        "rates": (1e-2, 3e-2),
        "lambdas": (1e-3, 1e-2, 1e-1),
        "decays": (1e-2, 1e-1, 1.0),
        "fractions": (1.0, 0.5),
        "quick_fractions": (1.0, 0.5),
        "seconds": 100,
    }
    return FrozenTask(**{**usual, **settings})  # type: ignore[arg-type]


def test_every_contender_has_a_unit_at_every_fraction_and_the_same_budget() -> None:
    units = task().units(False)
    names = [contender.name for contender in NETWORKS] + [LOGISTIC]
    assert [unit.name for unit in units] == [f"{name} {fraction}" for fraction in ("1", "0.5") for name in names]
    assert {len(unit.settings["candidates"]) for unit in units} == {BUDGET}
    assert units[0].seconds == 100
    assert units[-1].seconds == 50
    assert json.loads(json.dumps(units[0].settings))["seeds"] == list(SEEDS)


@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_a_network_is_measured_by_each_seed_on_all_test_rows_and_on_parts_of_them(fraction: float) -> None:
    [unit] = [u for u in task().units(True) if u.name == f"ChainzRule {fraction:g}"]
    records, notes = unit.run()
    accuracies = {(r.seed, r.condition): r.value for r in records if r.metric == "accuracy"}
    assert sorted(accuracies) == [(seed, condition) for seed in QUICK_SEEDS for condition in ("", "some")]
    assert min(value for (_, condition), value in accuracies.items() if not condition) > 0.6
    assert len(set(accuracies.values())) > 2
    assert {r.fraction for r in records} == {fraction}
    assert notes["training rows"] == 120 * fraction
    assert (notes["validation rows"], notes["test rows"]) == (60, 90)
    assert notes["chosen"] in unit.settings["candidates"]
    json.dumps(notes)


def test_a_logistic_regression_differs_by_seed_only_where_its_rows_do() -> None:
    units = {unit.name: unit for unit in task().units(True)}
    everything, half = (units[f"{LOGISTIC} {fraction}"].run() for fraction in ("1", "0.5"))
    for outcome, distinct in ((everything, 1), (half, len(QUICK_SEEDS))):
        losses = [r.value for r in outcome.records if r.metric == "log loss"]
        assert len(losses) == len(QUICK_SEEDS)
        assert len(set(losses)) == distinct
        assert max(losses) < np.log(CLASSES)
        assert {r.parameters for r in outcome.records} == {7 * CLASSES}


def test_levels_are_measured_by_their_distance_and_have_no_logistic_regression() -> None:
    ordinal = Recipe(hidden_widths=(8,), ordinal=True, batch_size=32, max_epochs=3)
    units = task(ordinal, load=load_without_validation, quick_fractions=(1.0,)).units(True)
    assert len(units) == len(NETWORKS)
    records, notes = units[0].run()
    assert {"accuracy", "mean absolute error"} <= {record.metric for record in records}
    assert (notes["training rows"], notes["validation rows"]) == (102, 18)


def test_rows_are_standardised_by_the_training_rows_alone() -> None:
    found = split(load(False), 1.0, 0, 0.15)
    assert found.training.rows.dtype == torch.float32
    torch.testing.assert_close(found.training.rows[:, :5].mean(0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.training.rows[:, :5].std(0, correction=0), torch.ones(5))
    raw = load(False)
    assert raw.validation is not None
    expected = (raw.validation.rows[:, 0] - raw.training.rows[:, 0].mean()) / raw.training.rows[:, 0].std()
    np.testing.assert_allclose(found.validation.rows[:, 0], expected, rtol=1e-4, atol=1e-5)


def test_a_share_of_the_rows_is_drawn_by_class_and_seed() -> None:
    rows = load(False)
    found, again, other = (split(rows, 0.25, seed, 0.15).training for seed in (0, 0, 1))
    assert len(found.labels) == 60
    shares = np.bincount(rows.training.labels) / 4
    assert np.abs(np.bincount(found.labels) - shares).max() < 1
    assert torch.equal(found.rows, again.rows)
    assert not torch.equal(found.rows, other.rows)


def test_validation_rows_that_nobody_set_apart_are_taken_from_the_training_rows() -> None:
    rows = load_without_validation(False)
    found = split(rows, 0.5, 3, 0.25)
    assert (len(found.training.labels), len(found.validation.labels), len(found.test.labels)) == (90, 60, 90)


def test_too_few_rows_to_draw_from_are_reported() -> None:
    with pytest.raises(DataError, match=r"240 rows are too few to draw 0\.004 of them by class"):
        split(load(False), 0.004, 0, 0.15)
