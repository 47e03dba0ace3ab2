import numpy as np
import pytest

from service.inference.advice import ADVICE, Adviser, strange
from service.manifest import Level, OutOfDistribution, Thresholds

SCORES = np.array([0.1, 0.55, 0.6, 0.85, 0.9, 1.0], dtype=np.float32)


def thresholds(review: float | None, reject: float | None) -> Thresholds:
    def level(score: float | None) -> Level:
        return Level(score=score, risk=0.1, confidence=0.9, rows=50, coverage=0.5, observed_risk=None)

    return Thresholds(
        review=level(review),
        reject=level(reject),
        out_of_distribution=OutOfDistribution(typicality=0.05, false_alarm_rate=0.05),
    )


@pytest.mark.parametrize(
    ("review", "reject", "expected"),
    [
        (0.9, 0.6, ["reject", "reject", "review", "review", "accept", "accept"]),
        (None, 0.6, ["reject", "reject", "review", "review", "review", "review"]),
        (0.9, None, ["reject", "reject", "reject", "reject", "accept", "accept"]),
        (0.6, 0.9, ["reject", "reject", "accept", "accept", "accept", "accept"]),
        (0.6, 0.6, ["reject", "reject", "accept", "accept", "accept", "accept"]),
        (0.0, 0.0, ["accept"] * 6),
        (None, None, ["reject"] * 6),
    ],
)
def test_a_row_at_a_level_meets_it_and_none_meets_one_that_is_null(
    review: float | None, reject: float | None, expected: list[str]
) -> None:
    assert [ADVICE[index] for index in Adviser(thresholds(review, reject))(SCORES)] == expected


@pytest.mark.parametrize("review", [0.9, 0.0, None])
def test_a_reliability_that_is_nan_is_rejected(review: float | None) -> None:
    advise = Adviser(thresholds(review, 0.0))
    assert ADVICE[advise(np.array([np.nan, 0.95], dtype=np.float32))[0]] == "reject"


def test_no_rows_get_no_advice() -> None:
    assert Adviser(thresholds(0.9, 0.6))(SCORES[:0]).tolist() == []


def test_typicality_at_its_level_is_out_of_distribution() -> None:
    typicality = np.array([0.01, 0.05, 0.0501, 1.0], dtype=np.float32)
    level = OutOfDistribution(typicality=0.05, false_alarm_rate=0.05)
    assert strange(typicality, level).tolist() == [True, True, False, False]


def test_a_typicality_that_is_nan_is_out_of_distribution() -> None:
    level = OutOfDistribution(typicality=0.05, false_alarm_rate=0.05)
    assert strange(np.array([np.nan, 1.0], dtype=np.float32), level).tolist() == [True, False]
