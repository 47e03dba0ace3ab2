import numpy as np
import pytest

from model_export.errors import DataError
from model_export.own_data.splits import Parts, check_classes, split_at_random, split_by_group, split_by_time


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
    parts = split_by_group(groups, "patient", seed=0)
    assert covers_all(parts, 1000)
    of_parts = [set(groups[part]) for part in parts[:3]]
    assert sum(map(len, of_parts)) == len(set.union(*of_parts)) == 100
    assert [len(part) for part in parts[:3]] == [600, 200, 200]


def test_a_split_by_time_tests_on_the_newest() -> None:
    days = np.random.default_rng(0).permutation(1000).astype(float)
    parts = split_by_time(days, "since")
    assert covers_all(parts, 1000)
    assert days[parts.training].max() < days[parts.calibration].min()
    assert days[parts.calibration].max() < days[parts.test].min()


def test_rows_that_cannot_be_split_are_named() -> None:
    with pytest.raises(DataError, match="the table has 99 rows with a label, and at least 100 are needed"):
        split_at_random(99, None, 0)
    with pytest.raises(DataError, match="patient has 2 groups, and at least 5"):
        split_by_group(np.array(["a", "b"] * 50, dtype=object), "patient", 0)
    with pytest.raises(DataError, match=r"19 rows are left to test on|rows are left to"):
        split_by_group(np.array(["a"] * 96 + list("bcde"), dtype=object), "patient", 0)


def test_a_class_that_training_lacks_is_named() -> None:
    parts = split_by_time(np.arange(200.0), "since")
    with pytest.raises(DataError, match="the training rows have fewer than 2 of paid 'yes': split at random"):
        check_classes(parts, np.array([0] * 150 + [1] * 50), ("no", "yes"), "paid")
