import numpy as np

from model_export.studies.shifts import image_shifts, misspell, table_shifts, unit_mistakes
from model_export.studies.study_sets import technical_prose
from model_export.tasks.sst5 import plain


def test_table_shifts_grow_with_severity_and_keep_the_labels() -> None:
    generator = np.random.default_rng(0)
    rows, labels = generator.normal(5, 1, size=(200, 4)), np.arange(200)
    by_name: dict[str, list[float]] = {}
    for shift in table_shifts(rows, labels, rows, seed=0):
        assert shift.labels is labels
        missing = np.isnan(shift.rows)
        by_name.setdefault(shift.name, []).append(missing.mean() + np.nanmean(np.abs(shift.rows - rows)))
    assert all(mild < moderate < severe for mild, moderate, severe in by_name.values())
    assert set(by_name) == {"noise", "dropout", "shrink", "inflate"}


def test_a_unit_mistake_changes_its_feature_alone() -> None:
    rows = np.ones((3, 2))
    (shift,) = unit_mistakes(rows, np.zeros(3, dtype=np.int64), {"age": 1}, {"age": ("months", 12.0)})
    np.testing.assert_array_equal(shift.rows, [[1, 12]] * 3)
    assert shift.name == "age in months"
    assert rows.max() == 1


def test_image_shifts_stay_images() -> None:
    generator = np.random.default_rng(0)
    rows = generator.random((10, 64))
    shifts = list(image_shifts(rows, np.zeros(10, dtype=np.int64), 8, seed=0))
    assert len(shifts) == 18
    for shift in shifts:
        assert shift.rows.shape == rows.shape
        assert shift.rows.min() >= 0
        assert shift.rows.max() <= 1
        assert np.abs(shift.rows - rows).max() > 0.01


def test_misspelling_touches_about_its_share_of_letters() -> None:
    text = "the quick brown fox jumps over the lazy dog " * 40
    assert misspell(text, 0.0, np.random.default_rng(0)) == text
    touched = misspell(text, 0.1, np.random.default_rng(0))
    assert 0.85 < len(touched) / len(text) < 1.15
    assert touched != text


def test_treebank_sentences_are_undone_and_prose_is_found() -> None:
    assert plain("-LRB- and\\/or -RRB-") == "( and/or )"
    prose = technical_prose(50)
    assert len(prose) == len(set(prose)) == 50
