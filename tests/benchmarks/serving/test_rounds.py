import pytest

from tests.benchmarks.serving.rounds import FaultyError, Target, interleave, ratio, spread
from tests.benchmarks.serving.wrk import Measurement


def measurement(rate: int) -> Measurement:
    return Measurement(requests=rate, seconds=1, p50_ms=1, p90_ms=2, p99_ms=3)


class Faulty:
    """Right in the first round, wrong from then on."""

    def __init__(self) -> None:
        self.calls = 0

    def measure(self) -> Measurement:
        self.calls += 1
        if self.calls > 1:
            raise FaultyError("status 500")
        return measurement(7)


def test_spread_is_the_median_and_the_extremes() -> None:
    assert spread([3, 1, 10]) == (3, 1, 10)
    assert spread([1, 2]).median == 1.5


def test_ratio_is_taken_within_each_round() -> None:
    """A machine that halves its speed in the second round changes no ratio."""
    assert ratio([50, 25, 50], [100, 50, 100]) == (0.5, 0.5, 0.5)


def test_ratio_refuses_rounds_that_are_not_the_same() -> None:
    with pytest.raises(ValueError, match="longer"):
        ratio([1], [1, 2])


def test_rounds_go_by_turns() -> None:
    order: list[str] = []

    def target(name: str) -> Target:
        def measure() -> Measurement:
            order.append(name)
            return measurement(len(order))

        return Target(name, measure)

    measured = interleave([target("a"), target("b")], 2)
    assert order == ["a", "b", "a", "b"]
    assert [one.rate for one in measured.rounds["b"]] == [2, 4]


def test_a_fault_voids_what_was_measured_before_and_spares_the_others() -> None:
    faulty = Faulty()
    measured = interleave([Target("faulty", faulty.measure), Target("good", lambda: measurement(1))], 3)
    assert measured.faults == {"faulty": "round 2: status 500"}
    assert faulty.calls == 2
    assert measured.rounds.keys() == {"good"}
    assert len(measured.rounds["good"]) == 3
