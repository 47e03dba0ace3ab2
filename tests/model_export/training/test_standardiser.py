import numpy as np
import torch

from model_export.training.standardiser import CLAMP, Standardiser


def test_standardises_what_is_known_and_fills_what_is_not() -> None:
    table = np.array([[1.0, 10.0], [3.0, np.nan], [5.0, 30.0]])
    standardiser = Standardiser.fit(table)
    rows = standardiser(torch.from_numpy(table)).numpy()
    np.testing.assert_allclose(rows[:, 0], [-np.sqrt(1.5), 0, np.sqrt(1.5)])
    np.testing.assert_allclose(rows[:, 1], [-1, 0, 1])


def test_a_constant_feature_is_zero_in_training_and_still_seen_to_move() -> None:
    standardiser = Standardiser.fit(np.array([[7.0], [7.0]]))
    assert standardiser(torch.tensor([[7.0], [9.0]], dtype=torch.float64)).tolist() == [[0.0], [2.0]]


def test_clamps_far_rows_but_never_a_training_row() -> None:
    table = np.concatenate([np.zeros((999, 1)), [[1.0]]])
    standardiser = Standardiser.fit(table)
    largest = standardiser(torch.from_numpy(table)).max().item()
    assert largest > CLAMP
    assert standardiser.clamp > largest
    assert standardiser(torch.tensor([[1e30]], dtype=torch.float64)).item() == standardiser.clamp
    assert Standardiser.fit(np.array([[0.0], [1.0]])).clamp == CLAMP
