import pandas as pd

from model_export.reproduction.quantities import QUANTITIES, quantity


def test_shares_are_written_in_percent_and_their_differences_in_points() -> None:
    accuracy = quantity("accuracy")
    assert accuracy.number(0.75) == "75.00"
    assert accuracy.difference(-0.0123) == "-1.23"
    assert accuracy.unit == " points"
    assert accuracy.spread(pd.Series([0.7, 0.8])) == "75.00 ± 7.07"
    assert accuracy.spread(pd.Series([0.7])) == "70.00"


def test_nothing_is_written_as_less_than_zero_by_nothing() -> None:
    assert quantity("tail ratio").difference(-0.0001) == "+0.000"


def test_the_way_that_is_better_is_known() -> None:
    assert all(QUANTITIES[metric].better == 1 for metric in QUANTITIES if metric.endswith("accuracy"))
    for metric in ("tail ratio", "log loss", "mean absolute error", "peak gradient volatility"):
        assert quantity(metric).better == -1
    assert quantity("something else").better == 0
