import pandas as pd
import pytest

from model_export.reproduction.records import Record
from model_export.reproduction.summary_table import (
    condition_tables,
    contender_table,
    fraction_tables,
    runs_of,
    severities,
    summarise,
)
from tests.model_export.reproduction.made_up_records import NETWORKS, cifar10_c, frame, pima, sst5


def test_contenders_stand_in_their_order_with_mean_deviation_and_parameters() -> None:
    made = [
        *[Record("ChainzRule", 110, "accuracy", value, seed) for seed, value in enumerate((0.7, 0.8))],
        *[Record("relu", 100, "accuracy", value, seed) for seed, value in enumerate((0.6, 0.6))],
        Record("svm", 0, "log loss", 0.5),
    ]
    table = contender_table(frame(made))
    assert table.columns.tolist() == ["accuracy, %", "log loss", "parameters"]
    assert table.index.tolist() == ["ChainzRule", "relu", "svm"]
    assert table["accuracy, %"].tolist()[0] == "75.00 ± 7.07"
    assert table["log loss"].tolist()[2] == "0.500"
    assert table["parameters"].tolist() == ["110 (+10.0 %)", "100", ""]


def test_a_table_by_share_of_the_rows_goes_from_few_to_all() -> None:
    tables = fraction_tables(pima())
    assert list(tables) == ["accuracy", "tail ratio"]
    assert tables["accuracy"].columns.tolist() == ["5 %", "10 %", "25 %", "50 %", "100 %"]
    assert "svm" not in tables["tail ratio"].index
    assert fraction_tables(sst5()) == {}


def test_metrics_of_the_same_conditions_stand_side_by_side_and_others_beside_contenders() -> None:
    tables = list(condition_tables(cifar10_c()).values())
    assert [table.index.tolist() for table in tables] == [
        ["gaussian noise", "fog", "pixelate"],
        ["eps 2/255", "eps 8/255"],
    ]
    assert tables[0].columns.tolist() == NETWORKS
    assert condition_tables(sst5()) == {}


def test_variants_have_a_table_for_each_share_of_the_rows() -> None:
    made = frame(
        [
            Record("ChainzRule", 1, metric, fraction / 2, condition=name, fraction=fraction)
            for name in ("degree 3", "degree 2")
            for metric in ("tail ratio", "accuracy")
            for fraction in (1.0, 0.1)
        ]
    )
    tables = condition_tables(made)
    assert list(tables) == [
        "By condition, 100 % of the training rows, accuracy, τ, mean ± sd",
        "By condition, 10 % of the training rows, accuracy, τ, mean ± sd",
    ]
    for table, value in zip(tables.values(), ("50.00", "5.00"), strict=True):
        assert table.columns.tolist() == ["accuracy, %", "τ"]
        assert table.index.tolist() == ["degree 3", "degree 2"]
        assert table["accuracy, %"].tolist() == [value, value]
    assert contender_table(made).empty
    assert runs_of(made) == "1 run of each condition"


def test_where_runs_are_of_interest_one_by_one_the_luckiest_is_shown() -> None:
    made = [
        Record("svm", 0, "accuracy", value, seed, condition="one split") for seed, value in enumerate((0.7, 0.75, 0.86))
    ]
    (table,) = condition_tables(frame(made)).values()
    assert table["svm"].tolist() == ["77.00 ± 8.19, 86.00"]
    assert runs_of(frame(made)) == "3 runs of each condition"


def test_a_corruption_is_the_mean_of_its_severities() -> None:
    made = [Record("relu", 1, "corruption accuracy", 0.1 * grade, condition=f"fog {grade}") for grade in range(1, 6)]
    (table,) = condition_tables(frame([*made, Record("relu", 1, "accuracy", 0.9)])).values()
    assert table["relu"].to_dict() == {"fog": "30.00"}


def test_accuracy_by_severity_is_the_mean_over_corruptions() -> None:
    values = {"fog 1": 0.8, "snow 1": 0.6, "fog 2": 0.5, "rotated": 0.0, "": 0.7}
    made = [Record("relu", 1, "corruption accuracy", value, 3, condition=name) for name, value in values.items()]
    found = severities(frame([*made, Record("relu", 1, "accuracy", 0.9, 3)])).set_index("severity")["value"]
    assert found.to_dict() == {0: 0.9, 1: pytest.approx(0.7), 2: 0.5}
    assert severities(pima()).empty
    assert set(severities(cifar10_c())["contender"]) == set(NETWORKS)


def test_a_summary_counts_its_values_and_leaves_curves_out() -> None:
    found = summarise({"pima": pima(), "sst5": sst5()})
    where = "contender == 'svm' and fraction == 1 and metric == 'accuracy' and condition == ''"
    assert found.query(where)["n"].tolist() == [30]
    assert not found["metric"].str.startswith("polynomial ").any()


def test_runs_are_seeds_and_folds_and_say_where_contenders_have_fewer() -> None:
    assert runs_of(pima()) == "3 seeds × 10 folds"
    assert runs_of(sst5(seeds=1)) == "1 seed"
    fewer = pd.concat([sst5(), cifar10_c().query("contender == 'relu'").assign(contender="spectral relu")])
    assert runs_of(fewer) == "5 to 12 seeds"
