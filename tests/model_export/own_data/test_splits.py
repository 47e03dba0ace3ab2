import numpy as np
import pytest

from model_export.errors import DataError
from model_export.own_data.splits import (
    VALIDATION_SHARE,
    Parts,
    check_classes,
    draw_groups,
    split_at_random,
    split_by_group,
    split_by_time,
)
from model_export.training import ChainzRuleClassifier


def covers_all(parts: Parts, rows: int) -> bool:
    return np.array_equal(np.sort(np.concatenate(parts[:3])), np.arange(rows))


def test_a_random_split_has_each_class_in_every_part_alike() -> None:
    classes = np.array([0] * 900 + [1] * 100)
    parts = split_at_random(1000, classes, seed=3)
    assert covers_all(parts, 1000)
    assert [len(part) for part in parts[:3]] == [600, 200, 200]
    assert [int(classes[part].sum()) for part in parts[:3]] == [60, 20, 20]
    assert not np.array_equal(parts.test, split_at_random(1000, classes, seed=4).test)
    assert np.array_equal(parts.test, split_at_random(1000, classes, seed=3).test)


def test_a_split_by_group_tears_none_apart() -> None:
    groups = np.repeat(np.arange(100), 10).astype(object)
    parts = split_by_group(groups, "patient", None, seed=0)
    assert covers_all(parts, 1000)
    of_parts = [set(groups[part]) for part in parts[:3]]
    assert sum(map(len, of_parts)) == len(set.union(*of_parts)) == 100
    assert [len(part) for part in parts[:3]] == [600, 200, 200]
    assert parts.validation is not None
    assert not set(groups[parts.validation]) & set(groups[parts.learned])
    assert (len(parts.validation), len(parts.learned)) == (90, 510)
    assert parts.how == "by patient, 100 groups; training stops by 9 of its 60"


def test_training_stops_by_as_many_rows_as_the_estimators_would_draw() -> None:
    assert ChainzRuleClassifier().validation_fraction == VALIDATION_SHARE
    parts = split_at_random(1000, None, seed=0)
    assert parts.validation_mask is None
    assert np.array_equal(parts.learned, parts.training)


def test_of_few_large_groups_as_many_stop_training_as_leave_enough_to_learn_from() -> None:
    def rows_drawn(*sizes: int) -> set[int]:
        codes = np.repeat(np.arange(len(sizes)), sizes)
        return {int(np.isin(codes, draw_groups(codes, None, seed)).sum()) for seed in range(20)}

    assert rows_drawn(100, 100, 100) == {100}
    assert rows_drawn(1000, 5) == {5}
    assert rows_drawn(1, 300, 300, 300) == {300, 301}
    assert rows_drawn(1000, *[10] * 50) <= {220, 230}
    assert rows_drawn(*range(1, 100)) <= set(range(700, 790))


def test_no_class_is_left_to_the_groups_that_stop_training() -> None:
    groups, classes = np.repeat(np.arange(8), 10), np.zeros(80, np.int64)
    classes[[3, 4, 13]] = 1
    drawn = [draw_groups(groups, classes, seed) for seed in range(20)]
    assert all((classes[~np.isin(groups, each)] == 1).sum() >= 2 for each in drawn)
    assert len({tuple(each) for each in drawn}) > 3


def test_a_split_by_time_tests_on_the_newest() -> None:
    days = np.random.default_rng(0).permutation(1000).astype(float)
    parts = split_by_time(days, "since")
    assert covers_all(parts, 1000)
    assert days[parts.training].max() < days[parts.calibration].min()
    assert days[parts.calibration].max() < days[parts.test].min()
    assert parts.validation is not None
    assert days[parts.learned].max() < days[parts.validation].min()
    assert (len(parts.validation), len(parts.learned)) == (90, 510)
    assert np.array_equal(parts.training[parts.validation_mask], parts.validation)
    assert parts.how == "by since, the newest rows last; training stops by its newest"


def test_rows_that_cannot_be_split_are_named() -> None:
    with pytest.raises(DataError, match="the table has 99 rows with a label, and at least 100 are needed"):
        split_at_random(99, None, 0)
    with pytest.raises(DataError, match="patient has 2 groups, and at least 5"):
        split_by_group(np.array(["a", "b"] * 50, dtype=object), "patient", None, 0)
    with pytest.raises(DataError, match=r"19 rows are left to test on|rows are left to"):
        split_by_group(np.array(["a"] * 96 + list("bcde"), dtype=object), "patient", None, 0)


def test_a_class_that_training_lacks_is_named() -> None:
    parts = split_by_time(np.arange(200.0), "since")
    # The newest 18 of 120 training rows stop training.
    for first in (150, 110):
        classes = (np.arange(200) >= first).astype(np.int64)
        with pytest.raises(DataError, match="102 rows to learn from have fewer than 2 of paid 'yes': split at random"):
            check_classes(parts, classes, ("no", "yes"), "paid")
    check_classes(parts, (np.arange(200) >= 100).astype(np.int64), ("no", "yes"), "paid")
