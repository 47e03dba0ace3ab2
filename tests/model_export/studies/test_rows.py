from pathlib import Path

import numpy as np

from model_export.studies.rows import Rows, compact
from tests.model_export.studies.made_up_rows import OWN_ROWS, TEST_ROWS, make_rows


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    rows = make_rows({"reliability": 1.0, "knn_inputs, two-sided": 0.5})
    rows.save(tmp_path / "rows.npz")
    again = Rows.load(tmp_path / "rows.npz")
    assert list(again.confidences) == list(rows.confidences)
    for name, values in rows.confidences.items():
        np.testing.assert_array_equal(again.confidences[name], values)
        assert again.confidences[name].dtype == values.dtype
    for field in ("identity", "shift", "names", "severity", "labelled", "wrong"):
        np.testing.assert_array_equal(getattr(again, field), getattr(rows, field))


def test_pooled_rows_are_shifted_and_of_known_classes() -> None:
    rows = make_rows({})
    assert rows.unshifted.sum() == TEST_ROWS
    assert rows.pooled.sum() == 2 * TEST_ROWS + OWN_ROWS
    assert set(rows.names[rows.shift[rows.pooled]]) == {"noise", "blur", "other texts"}
    assert rows.names[rows.noticeable].tolist() == ["blur", "new class", "other texts"]


def test_a_probability_near_one_keeps_its_order() -> None:
    near_one = 1 - np.array([1e-9, 1e-12, 1e-15, 0.0])
    assert (np.diff(compact("msp", near_one)) > 0).all()
    assert compact("margin", near_one).dtype == np.float32
