import json

import pandas as pd
import pytest

from model_export.reproduction import ablations
from model_export.reproduction.ablations import ABLATIONS, VARIANTS
from model_export.reproduction.experiments import EXPERIMENTS
from model_export.reproduction.folds import Table
from model_export.reproduction.paper import CLAIMS
from tests.model_export.reproduction.made_up_table import made_up_table

UNITS = {(name, quick): EXPERIMENTS[name].units(quick) for name in EXPERIMENTS for quick in (False, True)}


@pytest.mark.parametrize(("name", "quick"), UNITS)
def test_units_can_be_kept_and_known_again(name: str, quick: bool) -> None:
    units = UNITS[name, quick]
    assert len({unit.name for unit in units}) == len(units) > 0
    for unit in units:
        assert "/" not in unit.name
        assert json.loads(json.dumps(unit.settings))
        assert unit.seconds > 0


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_quick_look_is_expected_to_be_quicker(name: str) -> None:
    quick, whole = (sum(unit.seconds for unit in UNITS[name, quick]) for quick in (True, False))
    assert quick < whole / 2


def test_every_claim_of_the_paper_is_held_against_an_experiment() -> None:
    assert {claim.experiment for claim in CLAIMS} <= set(EXPERIMENTS)


def test_an_ablation_measures_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    table: Table = made_up_table()
    monkeypatch.setattr(ablations, "pima", lambda: table)
    units = {unit.name: unit for unit in ABLATIONS.units(True)}
    assert 10 < len(units) < len(VARIANTS)
    frame = pd.DataFrame(units["Pima, degree 1"].run().records)
    assert set(frame["condition"]) == {"Pima: degree 1"}
    assert set(frame["fraction"]) == {1.0, 0.1}
    assert frame[frame["metric"] == "tail ratio"]["value"].to_numpy() == pytest.approx(1.0)
