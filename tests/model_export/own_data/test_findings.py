import numpy as np
import pandas as pd

from model_export.own_data.encoder import TableEncoder
from model_export.own_data.findings import Finding, look_for_trouble
from model_export.own_data.options import TableOptions
from model_export.own_data.plan import plan_table
from tests.own_table import make_loans


def found_in(frame: pd.DataFrame, target: str = "paid") -> dict[tuple[str, str | None], Finding]:
    plan = plan_table(frame, target, TableOptions(), 0)
    encoder = TableEncoder.fit(plan.used, plan.at(plan.parts.training))
    findings = look_for_trouble(plan, encoder.rows(plan.values))
    return {(finding.kind, finding.column): finding for finding in findings}


def test_a_clean_table_has_nothing_but_what_is_left_out() -> None:
    assert set(found_in(make_loans(800, seed=1))) == {("unused", "number"), ("unused", "country")}


def test_rows_that_stand_in_two_parts_are_named() -> None:
    frame = make_loans(400, seed=2)
    again = found_in(pd.concat([frame, frame]).assign(number=np.arange(800)))
    assert again["duplicates", None].text.startswith("400 rows repeat the values of another one (50 %)")
    assert "held-out rows stand among the training rows too" in again["shared", None].text


def test_a_column_that_tells_the_target_is_a_leak() -> None:
    frame = make_loans(800, seed=3)
    frame["closed"] = np.where(frame["paid"] == "yes", 3.0, 1.0) + np.random.default_rng(0).normal(size=800) / 100
    frame["reason"] = np.where(frame["paid"] == "yes", "in full", "written off")
    leaks = {column for kind, column in found_in(frame) if kind == "leak"}
    assert leaks == {"closed", "reason"}
    assert "is it known when a prediction is asked for?" in found_in(frame)["leak", "reason"].text


def test_a_leak_of_a_quantity_is_found_too() -> None:
    frame = make_loans(800, seed=4).assign(price=np.arange(800) % 97 + 0.5)
    frame["net"] = frame["price"] * 0.8
    assert {column for kind, column in found_in(frame, "price") if kind == "leak"} == {"net"}


def test_a_slip_in_a_number_is_named_and_wide_amounts_are_none() -> None:
    frame = make_loans(800, seed=5)
    frame["income"] = np.exp(np.random.default_rng(0).normal(8, 1.5, 800))
    frame.loc[7, "amount"] = -1e9
    found = found_in(frame)
    assert "amount is -1e+09 in row 8, and " in found["outlier", "amount"].text
    assert ("outlier", "income") not in found
