import pandas as pd
import pytest

from model_export.reproduction.records import Record
from model_export.reproduction.summary_table import (
    condition_table,
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


def test_conditions_of_one_metric_stand_beside_contenders_and_of_several_beside_metrics() -> None:
    assert condition_table(pima()).index.tolist() == ["imputed by class", "split of seed 7"]
    two = frame(
        [
            Record("ChainzRule", 1, metric, 0.5, condition=name)
            for name in ("degree 3", "degree 2")
            for metric in ("tail ratio", "accuracy")
        ]
    )
    table = condition_table(two)
    assert table.columns.tolist() == ["accuracy, %", "τ"]
    assert table.index.tolist() == [("degree 3", "ChainzRule"), ("degree 2", "ChainzRule")]
    assert contender_table(two).empty
    assert condition_table(sst5()).empty


def test_a_corruption_is_the_mean_of_its_severities() -> None:
    made = [
        Record("ChainzRule", 1, "accuracy", 0.1 * severity, condition=f"fog {severity}") for severity in range(1, 6)
    ]
    assert condition_table(frame(made)).loc["fog"]["ChainzRule"] == "30.00"


def test_accuracy_by_severity_is_the_mean_over_corruptions() -> None:
    made = [
        Record("relu", 1, "accuracy", value, seed=3, condition=condition)
        for condition, value in (("", 0.9), ("fog 1", 0.8), ("snow 1", 0.6), ("fog 2", 0.5), ("rotated", 0.0))
    ]
    found = severities(frame(made)).set_index("severity")["value"]
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
