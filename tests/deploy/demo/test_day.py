import numpy as np
import pytest

from deploy.demo.day import DRIFT, MISTAKE, PHASES, distort, phase_at, requests_a_second
from deploy.demo.pumps import PRESSURE, TEMPERATURE, VIBRATION, draw


def test_the_phases_follow_one_another_through_the_day() -> None:
    assert [phase_at(hour) for hour in (0.0, 8.0, 11.0, 13.0, 19.0)] == list(PHASES)
    assert phase_at(24.0) is PHASES[-1]


@pytest.mark.parametrize("hour", [0.0, 7.9, 12.0, 19.0, 24.0])
def test_clean_hours_leave_rows_alone(hour: float) -> None:
    rows = draw(np.random.default_rng(0), 100).rows
    np.testing.assert_array_equal(distort(rows, hour, np.random.default_rng(1)), rows)


def test_the_mistake_is_degrees_fahrenheit() -> None:
    rows = draw(np.random.default_rng(0), 100).rows
    arrived = distort(rows, MISTAKE.begins, np.random.default_rng(1))
    np.testing.assert_allclose(arrived[:, TEMPERATURE], rows[:, TEMPERATURE] * 9 / 5 + 32, atol=1e-3)
    others = [column for column in range(rows.shape[1]) if column != TEMPERATURE]
    np.testing.assert_array_equal(arrived[:, others], rows[:, others])


def test_the_drift_grows() -> None:
    rows = draw(np.random.default_rng(0), 2000).rows
    early, late = (distort(rows, DRIFT.begins + hours, np.random.default_rng(1)) for hours in (0.5, 5.5))
    assert rows[:, VIBRATION].mean() < early[:, VIBRATION].mean() < late[:, VIBRATION].mean()
    missing = [np.isnan(table[:, PRESSURE]).mean() for table in (rows, early, late)]
    assert missing == sorted(missing)
    assert missing[2] > 0.3


def test_noon_is_busier_than_midnight() -> None:
    assert requests_a_second(12.0) > 2 * requests_a_second(0.0)
