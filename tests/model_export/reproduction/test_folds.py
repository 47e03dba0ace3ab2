import numpy as np
import pytest

from model_export.reproduction.folds import Table, folds, standardise

LABELS = np.repeat([0, 1], [140, 60])


def test_every_row_is_tested_once_in_every_repeat() -> None:
    every = list(folds(LABELS, 2, 1.0))
    assert [(fold.repeat, fold.number) for fold in every] == [(repeat, n) for repeat in range(2) for n in range(10)]
    for repeat in range(2):
        tested = np.concatenate([fold.test for fold in every if fold.repeat == repeat])
        assert np.array_equal(np.sort(tested), np.arange(200))
    assert not np.array_equal(every[0].test, every[10].test)


@pytest.mark.parametrize(("fraction", "learning"), [(1.0, 180), (0.1, 18)])
def test_the_rows_to_learn_from_are_split_and_none_is_tested(fraction: float, learning: int) -> None:
    for fold in folds(LABELS, 1, fraction):
        assert len(fold.learning) == learning
        assert np.array_equal(np.sort(np.concatenate([fold.training, fold.validation])), fold.learning)
        assert not set(fold.learning) & set(fold.test)
        assert set(LABELS[fold.validation]) == {0, 1}


def test_rows_are_standardised_and_filled_by_the_training_rows_alone() -> None:
    table = Table(np.array([[1.0, np.nan], [3.0, 10.0], [np.nan, 30.0], [5.0, 1000.0]]), np.array([0, 1, 0, 1]))
    training, test = standardise(table, np.array([0, 1, 2]), np.array([3]))
    assert training.rows.tolist() == [[-1.0, 0.0], [1.0, -1.0], [0.0, 1.0]]
    assert test.rows.tolist() == [[3.0, 10.0]]  # 98 deviations, held back at 10
    assert test.labels.tolist() == [1]
