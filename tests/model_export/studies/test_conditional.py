import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from scipy.stats import kstest
from sklearn.linear_model import LogisticRegression

from model_export.studies.conditional import ADDITIONS, condition
from model_export.studies.rows import Rows
from tests.model_export.studies.made_up_rows import make_rows


def prepared(worth: dict[str, float], seed: int) -> Rows:
    """Rows whose norm is negated and whose typicality lies in (0, 1], as the study's are."""
    rows = make_rows({"msp": 1.0, "jacobian_norm": 0.0, "boundary_distance": 0.0, "typicality": 0.0} | worth, seed)
    signs = {"jacobian_norm": lambda x: -np.exp(-x), "typicality": lambda x: np.exp(np.minimum(x - 5, 0))}
    changed = {name: signs[name](values) if name in signs else values for name, values in rows.confidences.items()}
    return rows._replace(confidences=changed)


def test_what_adds_is_told_from_what_does_not() -> None:
    found = condition([prepared({"boundary_distance": 1.5}, seed) for seed in range(5)])
    assert set(found["addition"]) == set(ADDITIONS)
    table = found.set_index(["rows", "addition"]).to_dict("index")
    for rows in ("unshifted", "shifted"):
        added = table[rows, "boundary_distance"]
        assert added["p_holm"] < 0.001
        assert added["effect_most"] < 0
        assert added["gain_least"] > 0
        for nothing in ("jacobian_norm", "typicality"):
            assert table[rows, nothing]["p_holm"] > 0.05
            assert abs(table[rows, nothing]["gain"]) < 0.03


def test_turning_a_misleading_margin_round_is_not_the_additions_merit() -> None:
    found = condition([prepared({"msp": -1.0}, seed) for seed in range(5)])
    assert found["gain"].abs().max() < 0.03


def test_where_nothing_is_added_p_is_uniform_though_rows_come_in_copies() -> None:
    runs = pd.concat([condition([prepared({}, seed)]) for seed in range(40)])
    for rows in ("unshifted", "shifted"):
        found = runs[(runs["rows"] == rows) & (runs["addition"] == "boundary_distance")]
        # One seed: twice its p, so halves are what the test itself says; those above a half are cut off at 1.
        p = found["p"].to_numpy() / 2
        assert kstest(p[p < 0.5] * 2, "uniform").pvalue > 0.01
        assert np.mean(p < 0.05) < 0.15


def test_the_effect_is_the_regressions() -> None:
    run = prepared({"boundary_distance": 1.5}, 0)
    part = run.unshifted
    design = np.column_stack([logit(run.confidences["msp"][part]), run.confidences["boundary_distance"][part]])
    standard = (design - design.mean(0)) / design.std(0)
    expected = LogisticRegression(C=np.inf, tol=1e-8).fit(standard, run.wrong[part]).coef_[0, 1]
    found = condition([run]).set_index(["rows", "addition"])["effect"].to_dict()
    assert found["unshifted", "boundary_distance"] == pytest.approx(expected, abs=1e-3)
