import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from model_export.errors import DataError
from model_export.reliability.thresholds import DELTA, Judged, check_risks, halves, selective_levels

GRID = np.linspace(0, 1, 10_001)


def risk_of(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chance that a row of this score is wrong: 0.5 at 0, falling to 0.02 at 1."""
    return 0.02 + 0.48 * (1 - scores) ** 2


def risk_above(level: float) -> float:
    """Selective risk of uniform scores at a level, by the integral of `risk_of`."""
    return 0.02 + 0.16 * (1 - level) ** 2


def draw(generator: np.random.Generator, rows: int) -> Judged:
    scores = generator.random(rows)
    return Judged(scores, generator.random(rows) < risk_of(scores))


def test_the_known_risk_is_the_risk_of_what_is_drawn() -> None:
    many = draw(np.random.default_rng(0), 1_000_000)
    for level in (0.0, 0.3, 0.8):
        assert many.wrong[many.scores >= level].mean() == pytest.approx(risk_above(level), abs=0.002)


@pytest.mark.parametrize("rows", [40, 150, 1000])
def test_a_level_breaks_its_promise_no_more_often_than_stated(rows: int) -> None:
    generator, draws = np.random.default_rng(rows), 2000
    broken = np.zeros(2)
    for _ in range(draws):
        levels = selective_levels(draw(generator, rows), draw(generator, rows), (0.08, 0.15))
        broken += [level.score is not None and risk_above(level.score) > level.risk for level in levels]
    assert (broken / draws <= DELTA + 3 * np.sqrt(DELTA * (1 - DELTA) / draws)).all()


def test_where_every_level_is_too_risky_one_is_promised_no_more_often_than_stated() -> None:
    # The hardest case: all levels lie just above the risk, and the fitting half starts where it looks best by luck.
    generator, draws = np.random.default_rng(0), 2000
    broken = 0
    for _ in range(draws):
        fitting, testing = (Judged(generator.random(300), generator.random(300) < 0.1001) for _ in range(2))
        broken += selective_levels(fitting, testing, (0.1,))[0].score is not None
    assert 0.03 < broken / draws <= DELTA + 3 * np.sqrt(DELTA * (1 - DELTA) / draws)


def test_with_many_rows_the_level_is_nearly_the_lowest_that_keeps_the_risk() -> None:
    generator = np.random.default_rng(0)
    (level,) = selective_levels(draw(generator, 20_000), draw(generator, 20_000), (0.08,))
    lowest = GRID[np.argmax([risk_above(score) <= 0.08 for score in GRID])]
    assert level.score is not None
    assert level.score == pytest.approx(lowest, abs=0.05)
    assert level.coverage == pytest.approx(1 - level.score, abs=0.01)
    assert level.observed_risk == pytest.approx(0.08, abs=0.01)
    assert (level.risk, level.confidence, level.rows) == (0.08, 0.9, 20_000)


def test_the_figures_are_those_of_the_testing_half_and_pass_the_exact_test() -> None:
    generator = np.random.default_rng(1)
    testing = draw(generator, 200)
    (level,) = selective_levels(draw(generator, 150), testing, (0.15,))
    assert level.score is not None
    accepted = testing.scores >= level.score
    assert level.coverage == accepted.mean()
    assert level.observed_risk == pytest.approx(testing.wrong[accepted].mean())
    assert binom.cdf(testing.wrong[accepted].sum(), accepted.sum(), 0.15) <= DELTA


def test_the_first_failure_ends_the_sequence_even_if_a_lower_level_would_pass() -> None:
    def rows(*groups: tuple[float, int, int]) -> Judged:
        """Groups of score, right rows and wrong rows."""
        scores = np.concatenate([np.full(right + wrong, score) for score, right, wrong in groups])
        return Judged(scores, np.concatenate([np.repeat([False, True], group[1:]) for group in groups]))

    fitting = rows((0.9, 40, 0), (0.8, 1, 2), (0.7, 1, 2))
    assert selective_levels(fitting, rows((0.9, 40, 0), (0.8, 0, 9), (0.7, 400, 0)), (0.1,))[0].score == 0.9
    assert selective_levels(fitting, rows((0.9, 40, 0), (0.8, 9, 0), (0.7, 400, 0)), (0.1,))[0].score == 0.7
    assert selective_levels(fitting, rows((0.9, 0, 40), (0.8, 900, 0), (0.7, 400, 0)), (0.1,))[0].score is None


def test_levels_descend_as_risks_rise() -> None:
    generator = np.random.default_rng(2)
    for _ in range(500):
        strict, lenient = selective_levels(draw(generator, 60), draw(generator, 60), (0.1, 0.2))
        assert strict.score is None or lenient.score is None or lenient.score <= strict.score


def test_a_perfect_score_accepts_every_row_once_there_are_enough_to_tell() -> None:
    scores = np.linspace(0.6, 0.99, 22)
    perfect = Judged(scores, np.zeros(22, dtype=bool))
    # 0.9^22 is the first below 0.1.
    (level,) = selective_levels(perfect, perfect, (0.1,))
    assert (level.score, level.coverage, level.observed_risk) == (0.6, 1.0, 0.0)
    few = Judged(scores[1:], perfect.wrong[1:])
    assert selective_levels(perfect, few, (0.1,))[0].score is None


def test_a_useless_score_gets_no_level_and_says_so() -> None:
    generator = np.random.default_rng(3)
    useless = [Judged(generator.random(300), generator.random(300) < 0.5) for _ in range(2)]
    for level in selective_levels(useless[0], useless[1], (0.1, 0.3)):
        assert (level.score, level.coverage, level.observed_risk, level.rows) == (None, 0.0, None, 300)


@pytest.mark.parametrize(("wrong", "score"), [(False, 0.7777), (True, None)])
def test_rows_that_are_all_alike_are_accepted_or_refused_together(wrong: bool, score: float | None) -> None:
    alike = Judged(np.full(50, 0.77778), np.full(50, wrong))
    (level,) = selective_levels(alike, alike, (0.1,))
    assert level.score == score
    assert level.coverage == (score is not None)


def test_halves_share_no_row_and_leave_none_out() -> None:
    for rows in (1, 2, 21, 100):
        fitting, testing = halves(rows)
        assert sorted([*fitting, *testing]) == list(range(rows))
        assert len(fitting) - len(testing) in {0, 1}
    assert (halves(100)[0] == halves(100)[0]).all()


@pytest.mark.parametrize("risks", [(0.0, 0.3), (0.3, 0.1), (0.1, 0.1), (0.1, 1.0), (float("nan"), 0.3)])
def test_risks_that_are_no_ascending_shares_are_refused(risks: tuple[float, float]) -> None:
    with pytest.raises(DataError, match="give two shares of wrong answers between 0 and 1"):
        check_risks(*risks)
