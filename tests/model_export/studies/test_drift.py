import numpy as np
import pytest
from scipy.stats import ks_2samp

from model_export.studies import drift
from model_export.studies.rows import Floats
from service.monitoring.bounds import SHARE_BOUNDS


def conformal(scores: Floats, calibration: Floats) -> Floats:
    """Typicality by its definition: one over all calibration rows at least as strange, the row itself among them."""
    values: Floats = (1 + (calibration[:, None] >= scores).sum(axis=0)) / (len(calibration) + 1)
    return values


def test_reference_is_the_law_of_a_rank() -> None:
    expected = drift.reference(9)  # values are 0.1, 0.2, …, 1
    assert expected[SHARE_BOUNDS.index(0.05)] == 0
    assert expected[SHARE_BOUNDS.index(0.25)] == pytest.approx(0.2)
    assert expected[SHARE_BOUNDS.index(0.3)] == pytest.approx(0.3)
    assert expected[-1] == 1


def test_the_drawn_calibrations_are_those_of_fresh_scores() -> None:
    generator = np.random.default_rng(0)
    n, sets = 19, 4000
    drawn = drift.draw_calibrations(generator, n, sets).cumsum(axis=1)
    column = SHARE_BOUNDS.index(0.25)
    counted = []
    for _ in range(sets):
        calibration = np.sort(generator.random(n))
        rank = int(np.floor(0.25 * (n + 1) + 1e-9))
        counted.append(1 - calibration[n - rank])  # the chance that at most rank - 1 calibration rows are stranger
    assert ks_2samp(drawn[:, column], counted).pvalue > 0.001


def test_gaps_are_those_of_the_rows_that_were_counted() -> None:
    generator = np.random.default_rng(1)
    typicality = conformal(generator.random(300) + 0.1, generator.random(99))
    counts = np.rint(drift.shares(typicality) * 300).astype(np.int64)
    expected = drift.reference(99)
    by_hand = max(
        abs((typicality <= bound + 1e-7).mean() - share) for bound, share in zip(SHARE_BOUNDS, expected, strict=True)
    )
    assert drift.gaps(counts[None], expected)[0] == pytest.approx(by_hand)


def test_false_alarms_by_fresh_scores_are_as_rare_as_stated() -> None:
    """The same as the study, without its short cut through counts."""
    generator = np.random.default_rng(2)
    n, m, windows = 154, 200, 1500
    alarms = 0
    for _ in range(windows):
        typicality = conformal(generator.random(m), generator.random(n))
        counts = np.rint(drift.shares(typicality) * m).astype(np.int64)
        alarms += bool(drift.gaps(counts[None], drift.reference(n))[0] > drift.critical(m, n))
    assert drift.interval(alarms, windows).low <= drift.ALPHA


def test_more_rows_are_needed_for_a_smaller_shift_and_never_enough_for_none() -> None:
    generator = np.random.default_rng(3)
    calibration = generator.random(1000)
    clean = conformal(generator.random(20_000), calibration)
    little, much = (conformal(generator.random(20_000) + by, calibration) for by in (0.15, 0.6))
    needed = [drift.rows_needed(values, 1000, generator) for values in (much, little, clean)]
    assert needed[0] < needed[1] < needed[2] == float("inf")
    assert drift.rows_needed(much, 1000, generator, drift.shares(clean)) > needed[0]


def test_intervals_hold_their_share() -> None:
    none = drift.interval(0, 1000)
    assert none.low == none.share == 0
    assert none.high == pytest.approx(0.00368, abs=1e-5)
    share, low, high = drift.interval(50, 1000)
    assert low < share < high
