import pytest

from model_export.reproduction.estimate import Estimate, in_words


def test_what_is_left_is_scaled_by_what_has_been_seen() -> None:
    estimate = Estimate(100.0, jobs=2)
    assert estimate.left() == 50
    estimate.done(10.0, 30.0)
    assert estimate.left() == pytest.approx(90 * 3 / 2)
    assert estimate.left(since=35) == pytest.approx(100)
    estimate.done(90.0, 10.0)
    assert estimate.left() == 0
    assert Estimate(1.0, jobs=1).left(since=5) == 0


def test_a_duration_is_hours_minutes_and_seconds() -> None:
    assert in_words(3723.4) == "1:02:03"
