import pandas as pd
import pytest

from model_export.reproduction.claims_table import NOT_RUN, claims_table, verdicts
from model_export.reproduction.comparisons import compare
from model_export.reproduction.mnist import WIDE_SUFFIX
from model_export.reproduction.records import Record
from tests.model_export.reproduction.made_up_records import cifar10_c, frame, pima


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    frames = {"pima": pima(), "cifar10-c": cifar10_c(), "mnist": mnist()}
    return claims_table(frames, compare(frames), {"pima": "768 rows"})


def mnist() -> pd.DataFrame:
    values = {"ChainzRule": 0.8, "relu": 1.0, "gelu": 0.5, f"relu{WIDE_SUFFIX}": 2.0}
    return frame(
        [
            Record(contender, 1, "peak gradient volatility", value, seed)
            for contender, value in values.items()
            for seed in range(3)
        ]
    )


def test_the_papers_number_stands_beside_ours_and_the_best_others(table: pd.DataFrame) -> None:
    row = table.loc["Pima diabetes"]
    assert row["the paper's ChainzRule"] == "85.71 % ± 2.01 %"
    assert row["ChainzRule here"] == "75.05 ± 2.24 %"
    assert row["others here"] == "best: svm, 80.01 ± 2.15 %"
    assert (row["runs"], row["rows"]) == ("3 seeds × 10 folds", "768 rows")


def test_where_it_is_worse_is_said_as_plainly_as_where_it_is_better(table: pd.DataFrame) -> None:
    said = table.loc["Pima diabetes"]["ChainzRule is"]
    assert "better than relu;" in said
    assert "worse than svm;" in said
    assert "not shown to differ from polynomial, relu + DREG" in said
    assert table.loc["CIFAR-10-C, mean corruption accuracy"]["ChainzRule is"] == "better than any of the 9 others"
    assert table.loc["CIFAR-10, PGD"]["ChainzRule is"] == "not shown to differ from any of the 9 others"


def test_differences_and_changes_are_against_each_usual_twin(table: pd.DataFrame) -> None:
    corrupted = table.loc["CIFAR-10-C, mean corruption accuracy"]["ChainzRule here"]
    assert corrupted == "+4.08 against relu, +4.05 against gelu, +4.06 against silu, +4.08 against tanh; itself 45.06 %"
    volatility = table.loc["MNIST, peak gradient volatility at equal widths"]
    assert volatility["ChainzRule here"] == "-20.0 % against relu, +60.0 % against gelu; itself 0.800"
    assert volatility["others here"] == "relu 1.000, gelu 0.500"


def test_the_wide_twins_are_those_that_the_paper_compares_with(table: pd.DataFrame) -> None:
    wide = table.loc["MNIST, peak gradient volatility"]
    assert wide["ChainzRule here"] == "-60.0 % against relu; itself 0.800"
    assert wide["others here"] == "relu 2.000"
    assert wide["ChainzRule is"] == "not shown to differ from relu"


def test_tau_is_shown_over_all_shares_of_the_rows(table: pd.DataFrame) -> None:
    row = table.loc["τ on Pima diabetes"]
    assert row["ChainzRule here"] == "1.016–1.044 over 5 shares of the training rows"
    assert row["others here"].startswith("relu 1.082–1.107")


def test_what_was_not_run_is_said_so(table: pd.DataFrame) -> None:
    assert table.loc["Yelp Full, ordinal"]["ChainzRule here"] == NOT_RUN
    assert table.loc["MNIST, accuracy"]["ChainzRule here"] == NOT_RUN
    assert verdicts(compare({})) == "not compared: fewer than two pairs"
