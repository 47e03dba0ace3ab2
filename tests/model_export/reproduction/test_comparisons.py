import numpy as np
import pandas as pd
import pytest

from model_export.reproduction.comparisons import BETTER, FOLDS, SEEDS, UNSHOWN, WORSE, compare, hopeless
from model_export.reproduction.records import Record
from model_export.reproduction.statistics import corrected_t, signed_rank
from tests.model_export.reproduction.made_up_records import CLASSICAL, NETWORKS, cifar10_c, frame, pima, sst5


@pytest.fixture(scope="module")
def compared() -> pd.DataFrame:
    return compare({"pima": pima(), "sst5": sst5(), "cifar10-c": cifar10_c()})


def rows(compared: pd.DataFrame, experiment: str, metric: str) -> pd.DataFrame:
    return compared[(compared["experiment"] == experiment) & (compared["metric"] == metric)].set_index("contender")


def test_what_is_better_worse_and_neither_is_told_apart(compared: pd.DataFrame) -> None:
    verdicts = rows(compared, "pima", "accuracy")["verdict"]
    assert verdicts["relu"] == BETTER
    assert verdicts["svm"] == WORSE
    assert (verdicts.drop(["relu", "svm"]) == UNSHOWN).all()


def test_of_tau_less_is_better(compared: pd.DataFrame) -> None:
    tau = rows(compared, "pima", "tail ratio")
    assert (tau["difference"].drop("polynomial") < 0).all()
    assert (tau["verdict"].drop("polynomial") == BETTER).all()


def test_every_contender_is_compared_by_the_test_that_suits_the_design(compared: pd.DataFrame) -> None:
    accuracy = rows(compared, "pima", "accuracy")
    assert set(accuracy.index) == {*NETWORKS, *CLASSICAL} - {"ChainzRule"}
    assert (accuracy["test"] == FOLDS).all()
    assert (accuracy["pairs"] == 30).all()
    assert (rows(compared, "cifar10-c", "corruption accuracy")["test"] == SEEDS).all()


def test_pairs_are_of_one_seed_and_fold_whatever_the_order_of_the_records(compared: pd.DataFrame) -> None:
    records = pima().query("metric == 'accuracy' and fraction == 1 and condition == ''")
    values = {
        name: records[records["contender"] == name].sort_values(["seed", "fold"])["value"].to_numpy()
        for name in ("ChainzRule", "svm")
    }
    expected = corrected_t(values["ChainzRule"] - values["svm"], folds=10)
    found = rows(compared, "pima", "accuracy").loc["svm"]
    assert found["p"] == pytest.approx(expected.p)
    assert found["difference"] == pytest.approx(values["ChainzRule"].mean() - values["svm"].mean())
    shuffled = compare({"pima": pima().sample(frac=1, random_state=0)})
    assert rows(shuffled, "pima", "accuracy").loc["svm"]["p"] == pytest.approx(expected.p)


def test_bonferroni_is_over_the_whole_table(compared: pd.DataFrame) -> None:
    assert len(compared) == 13 + 9 + 9 + 9 + 3 * 9
    np.testing.assert_allclose(compared["p_bonferroni"], np.minimum(1, compared["p"] * len(compared)))


def test_neither_conditions_nor_parts_of_the_data_are_compared() -> None:
    made = [
        Record(contender, 1, "accuracy", value + seed / 100, seed, fraction=fraction, condition=condition)
        for contender, usual in (("ChainzRule", 0.5), ("relu", 0.4))
        for seed in range(4)
        for fraction, condition, value in ((1.0, "", usual), (0.5, "", 0.0), (1.0, "blurred", 0.9))
    ]
    found = compare({"sst5": frame(made)}).iloc[0]
    assert (found["pairs"], found["ours"], found["theirs"]) == (4, pytest.approx(0.515), pytest.approx(0.415))
    assert found["p"] == signed_rank(np.full(4, 0.1)).p


def test_what_so_few_seeds_cannot_show_is_known(compared: pd.DataFrame) -> None:
    assert set(compared[hopeless(compared)]["experiment"]) == {"sst5"}


def test_one_pair_is_not_compared_and_no_claim_no_comparison() -> None:
    assert compare({"sst5": sst5(seeds=1), "ablations": sst5()}).empty
    assert compare({}).empty
