"""From a data frame to what the service answers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from model_export.errors import DataError
from model_export.graph.folder_check import check_folder
from model_export.own_data import memory
from model_export.own_data.options import TableOptions
from model_export.own_data.plan import plan_table
from model_export.own_data.training import train_plan, train_table, usual_estimator
from model_export.training import ChainzRuleClassifier, ChainzRuleOrdinalClassifier
from service.inference.model import Model
from service.inputs import CategoricalFeature, DateFeature, Feature
from service.version_folder import read_manifest
from tests.conftest import Exported
from tests.own_table import CARD, CITIES, QUICK, make_loans, trained_loans


def test_it_learns_from_every_kind_of_column() -> None:
    trained = trained_loans()
    parts, target = trained.plan.parts, trained.plan.target
    assert (target.task, target.classes) == ("binary", ("no", "yes"))
    right = trained.test_predictions.argmax(1) == target.codes[parts.test]
    # Without city and season the law of these loans allows about 0.75.
    assert right.mean() > 0.82
    assert trained.plan.ignored == ("number", "country")
    kinds = {feature.name: type(feature) for feature in trained.inputs.features}
    assert kinds == {
        "amount": Feature,
        "city": CategoricalFeature,
        "member": CategoricalFeature,
        "since": DateFeature,
        "grade": CategoricalFeature,
    }


def test_the_manifest_and_the_graph_are_what_was_trained(loans: Exported) -> None:
    trained, manifest = trained_loans(), read_manifest(loans.folder)
    assert manifest.table == trained.inputs
    assert manifest.training.rows + manifest.training.validation_rows == 720
    assert (manifest.reference.rows, manifest.evaluation.rows) == (240, 240)
    amount, city, member, since, grade = manifest.table.features
    assert isinstance(amount, Feature)
    assert amount.mean == pytest.approx(1000, abs=40)
    assert amount.standard_deviation == pytest.approx(300, abs=30)
    assert isinstance(city, CategoricalFeature)
    assert (city.categories, city.may_be_missing, city.example) == (CITIES, False, "Rome")
    assert isinstance(member, CategoricalFeature)
    assert member.boolean
    assert isinstance(since, DateFeature)
    assert "2021-01-01" <= since.earliest < since.example < since.latest <= "2024-04-14"
    assert since.standard_deviation == pytest.approx(346, abs=20)
    assert grade.missing_ratio == pytest.approx(0.1, abs=0.03)
    scores = Model.load(loans.folder, threads=1).score(trained.rows[trained.plan.parts.test].astype(np.float32))
    np.testing.assert_array_equal(scores["label"], trained.test_predictions.argmax(1))


def test_typicality_is_calibrated_with_categories_too(loans: Exported) -> None:
    trained = trained_loans()
    frame = make_loans(3000, seed=7)
    plan = plan_table(frame, "paid", TableOptions(), 0)
    rows = trained.encoder.rows(plan.values).astype(np.float32)
    scores = Model.load(loans.folder, threads=1).score(rows)
    assert (scores["typicality"] < 0.05).mean() == pytest.approx(0.05, abs=0.04)
    assert scores["reliability"].mean() == pytest.approx((scores["label"] == plan.target.codes).mean(), abs=0.08)


def test_the_folder_passes_its_own_checks(loans: Exported) -> None:
    findings = list(check_folder(loans.folder))
    unchecked = [finding.text for finding in findings if not finding.checked]
    assert unchecked == [
        "sensitivity could not be checked for city, member, since, grade: categories, dates and texts have no small "
        "steps"
    ]
    assert any(finding.text.startswith("sensitivity is the gradient of the margin") for finding in findings)


def test_rows_without_a_label_are_left_out_and_said() -> None:
    frame = make_loans(300, seed=2)
    frame.loc[[3, 9], "paid"] = None
    plan = plan_table(frame, "paid", TableOptions(), 0)
    assert len(plan.rows) == 298
    assert "2 rows without a paid are left out, row 4 the first" in plan.notes
    assert plan.rows[3] == 5
    frame["paid"] = None
    with pytest.raises(DataError, match="no row has a paid: there is nothing to learn"):
        plan_table(frame, "paid", TableOptions(), 0)


def test_a_rare_class_is_said_and_in_every_part() -> None:
    frame = make_loans(1000, seed=3)
    frame["paid"] = np.where(np.arange(1000) % 25 == 0, "late", "yes")
    plan = plan_table(frame, "paid", TableOptions(), 0)
    assert "late is rare beside yes (40 and 960 rows): every part of the split has its share" in plan.notes[-1]
    by_time = plan_table(frame, "paid", TableOptions(time="since"), 0)
    assert "late is rare beside yes (40 and 960 rows): rows are not weighted" in by_time.notes[-1]
    assert [np.bincount(plan.target.codes[part])[0] for part in plan.parts[:3]] == [24, 8, 8]


@pytest.mark.parametrize("by", ["group", "time"])
def test_the_column_that_rows_are_split_by_is_not_learned_from(by: str) -> None:
    frame = make_loans(400, seed=4).assign(customer=np.repeat(np.arange(100), 4))
    name = {"group": "customer", "time": "since"}[by]
    plan = plan_table(frame, "paid", TableOptions(**{by: name}), 0)  # type: ignore[arg-type]
    assert name in plan.ignored
    assert name in plan.parts.how
    values = frame[name].to_numpy()
    assert not set(values[plan.parts.training]) & set(values[plan.parts.test])


def test_rows_are_named_as_they_stand_in_the_file_whatever_is_left_out() -> None:
    frame = make_loans(300, seed=12)
    frame.loc[2, "paid"] = None
    late = frame.copy()
    late.loc[9, "amount"] = np.inf
    with pytest.raises(DataError, match="column 'amount' holds inf in row 10, which is infinite"):
        plan_table(late, "paid", TableOptions(), 0)
    late = frame.assign(since=frame["since"].mask(np.arange(300) == 9))
    with pytest.raises(DataError, match=r"since is missing in row 10 \(1 in all\), and rows are split by it"):
        plan_table(late, "paid", TableOptions(time="since"), 0)


def test_what_someone_says_of_a_column_is_taken() -> None:
    options = TableOptions(types={"number": "number"}, drop=("city",))
    plan = plan_table(make_loans(200, seed=5), "paid", options, 0)
    kinds = {column.name: column.kind for column in plan.columns}
    assert (kinds["number"], kinds["city"]) == ("number", "dropped")
    with pytest.raises(DataError, match="no column is called 'town'; the columns are number, amount"):
        plan_table(make_loans(200, seed=5), "paid", TableOptions(drop=("town",)), 0)
    with pytest.raises(DataError, match="no column is called 'price'"):
        plan_table(make_loans(200, seed=5), "price", TableOptions(), 0)


def test_levels_are_learned_as_levels(tmp_path: Path) -> None:
    frame = make_loans(600, seed=6)
    frame["paid"] = np.where(frame["paid"] == "yes", np.where(frame["member"], "late", "early"), "never")
    estimator = clone(ChainzRuleOrdinalClassifier((16,), max_epochs=5))
    options = TableOptions(levels=("never", "late", "early"))
    trained = train_table(frame, "paid", options=options, estimator=estimator)
    manifest = read_manifest(trained.export(tmp_path, CARD))
    assert (manifest.task, manifest.classes) == ("ordinal", ("never", "late", "early"))


def test_the_usual_estimator_follows_the_task_and_the_rows() -> None:
    plan = plan_table(make_loans(200, seed=8), "paid", TableOptions(), 0)
    assert type(usual_estimator(plan, 500)) is ChainzRuleClassifier
    assert (usual_estimator(plan, 500).batch_size, usual_estimator(plan, 100_000).batch_size) == (32, 512)
    ranked = plan._replace(target=plan.target._replace(task="ordinal"))
    assert type(usual_estimator(ranked, 500)) is ChainzRuleOrdinalClassifier


def test_one_wrong_value_does_not_become_the_scale_of_its_column() -> None:
    frame = make_loans(600, seed=9)
    frame.loc[5, "amount"] = 1e12
    trained = train_table(frame, "paid", estimator=clone(QUICK).set_params(max_epochs=2))
    amount = trained.inputs.features[0]
    assert isinstance(amount, Feature)
    assert amount.standard_deviation < 1000
    assert [finding.column for finding in trained.findings if finding.kind == "outlier"] == ["amount"]


def test_columns_of_one_kind_and_times_of_day(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    hours = generator.integers(0, 24, 500)
    since = pd.Timestamp("2024-01-01") + pd.to_timedelta(generator.integers(0, 300, 500) * 24 + hours, "h")
    frame = pd.DataFrame({"since": since, "night": np.where((hours < 6) | (hours > 20), "yes", "no")})
    trained = train_table(frame, "night", estimator=clone(QUICK))
    assert (trained.test_predictions.argmax(1) == trained.plan.target.codes[trained.plan.parts.test]).mean() > 0.9
    folder = trained.export(tmp_path, CARD)
    assert [type(feature) for feature in read_manifest(folder).table.features] == [DateFeature]
    assert all(not finding.text.startswith("sensitivity is") for finding in check_folder(folder))


def test_unseen_categories_in_held_out_rows_are_no_false_alarms() -> None:
    """A column of so many values that held-out rows often have a new one: that is usual then, and typical."""
    frame = make_loans(900, seed=10)
    generator = np.random.default_rng(1)
    frame["city"] = [f"town {town}" for town in generator.zipf(1.3, 900) % 700]
    trained = train_table(frame, "paid", estimator=clone(QUICK).set_params(max_epochs=3))
    unseen = trained.standardiser.unseen(torch.from_numpy(trained.rows[trained.plan.parts.calibration]))
    assert unseen is not None
    assert unseen.double().mean() > 0.05
    from model_export.graph.calibration import calibrate_network

    data = trained.data()
    scorer = calibrate_network(
        trained.standardiser, trained.network, data.training.rows, data.calibration.rows, data.calibration.codes, 2
    ).scorer
    typicality = scorer(torch.from_numpy(data.test.rows)).typicality
    assert (typicality < 0.05).double().mean() < 0.12


def test_categories_that_would_not_fit_into_memory_are_refused_before_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = plan_table(make_loans(200, seed=13), "paid", TableOptions(), 0)
    monkeypatch.setattr(memory, "available_bytes", lambda: 1e5)
    with pytest.raises(DataError, match=r"a column for each common category holds 25\.6 kB, which takes about 154 kB"):
        train_plan(plan)


def make_visits() -> pd.DataFrame:
    """Twenty visits of each of 60 patients, who can be told apart and are mostly ill or mostly well throughout."""
    generator = np.random.default_rng(0)
    patient = np.repeat(np.arange(60), 20)
    traits = {f"trait {number}": generator.normal(size=60)[patient] for number in range(3)}
    usually = generator.random(60) < 0.5
    symptom = generator.normal(size=1200)
    ill = np.where(generator.random(1200) < 0.85, usually[patient], symptom > 0)
    return pd.DataFrame({"patient": patient, **traits, "symptom": symptom, "ill": np.where(ill, "yes", "no")})


def test_by_group_training_does_not_go_on_for_what_it_knows_of_the_groups() -> None:
    options = TableOptions(group="patient", types={f"trait {number}": "number" for number in range(3)})
    plan = plan_table(make_visits(), "ill", options, 0)
    estimator = ChainzRuleClassifier((16,), max_epochs=40, patience=5, batch_size=64, learning_rate=0.01)
    whole = train_plan(plan, estimator=estimator).estimator
    torn = train_plan(plan._replace(parts=plan.parts._replace(validation=None)), estimator=estimator).estimator
    assert whole.validation_rows_ == len(plan.parts.training) - len(plan.parts.learned)
    assert whole.training_rows_ + whole.validation_rows_ == torn.training_rows_ + torn.validation_rows_
    # Rows of one group on both sides: knowing the patient by heart lowers the loss that training stops by.
    assert torn.epochs_ > 2 * whole.epochs_


def test_by_time_the_newest_training_rows_stop_training_and_a_column_as_new_is_named() -> None:
    frame = make_loans(600, seed=1).sort_values("since", ignore_index=True)
    trained = train_table(
        frame, "paid", options=TableOptions(time="since"), estimator=clone(QUICK).set_params(max_epochs=2)
    )
    assert (trained.estimator.training_rows_, trained.estimator.validation_rows_) == (306, 54)
    assert trained.plan.parts.validation is not None
    assert trained.plan.parts.validation.tolist() == list(range(306, 360))
    frame["fresh"] = np.where(np.arange(600) < 310, np.nan, np.arange(600) % 7)
    with pytest.raises(DataError, match="column 'fresh' has no value in any of the 306 training rows to learn from"):
        plan_table(frame, "paid", TableOptions(time="since"), 0)
