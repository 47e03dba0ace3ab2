from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from model_export.scoring.tally import Counting, Tally, exact_sum, quantile, value_of
from service.inference.model import Model, Scores
from tests.conftest import Exported


def scored(exported: Exported, rows: int) -> tuple[NDArray[np.float32], Scores]:
    model = Model.load(exported.folder, threads=1)
    table = model.manifest.table
    spread = [feature.standard_deviation for feature in table.features if feature.kind == "number"]
    usual = [feature.usual for feature in table.features]
    drawn = np.random.default_rng(0).normal(usual, spread, (rows, len(usual))).astype(np.float32)
    return drawn, model.score(drawn)


def tally_of(exported: Exported, rows: NDArray[np.float32], scores: Scores, pieces: int) -> Tally:
    manifest = Model.load(exported.folder, threads=1).manifest
    total = Tally()
    for part in reversed(np.array_split(np.arange(len(rows)), pieces)):
        counting = Counting(manifest)
        counting.observe(rows[part], {name: values[part] for name, values in scores.items()}, None)
        # Through JSON and back, as the journal keeps it.
        total += Tally.from_json(counting.finish()[0].to_json())
    return total


@pytest.mark.parametrize("kind", ["exported", "regression"])
def test_a_tally_does_not_depend_on_how_rows_are_cut(kind: str, request: pytest.FixtureRequest) -> None:
    exported = request.getfixturevalue(kind)
    rows, scores = scored(exported, 1000)
    whole = tally_of(exported, rows, scores, 1)
    assert whole.rows == 1000
    assert whole.typicality["24"] == 1000
    assert [tally_of(exported, rows, scores, pieces) for pieces in (2, 7, 333)] == [whole] * 3


def test_sums_are_exact() -> None:
    generator = np.random.default_rng(0)
    values = (generator.normal(size=500) * 10.0 ** generator.integers(-44, 30, 500)).astype(np.float32)
    exact = sum((Fraction(float(value)) for value in values), Fraction(0))
    assert Fraction(exact_sum(values), 1 << 149) == exact
    assert value_of(exact_sum(values)) == float(exact)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99, 1.0])
def test_a_quantile_is_that_of_all_values_together(share: float) -> None:
    values = np.random.default_rng(0).gamma(2.0, size=1001).astype(np.float32)
    values[:300] = 1.5
    parts = [np.sort(part) for part in np.array_split(values, [0, 10, 700])]
    assert quantile(parts, share) == pytest.approx(float(np.quantile(values.astype(np.float64), share)), rel=1e-12)
