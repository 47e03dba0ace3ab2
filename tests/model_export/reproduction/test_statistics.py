import numpy as np
import pytest
from scipy import stats

from model_export.reproduction.statistics import Floats, bonferroni, corrected_t, least_p, signed_rank

# Hamilton's depression scale before and after, nine patients: Hollander and Wolfe (1973), p. 29.
BEFORE = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
AFTER = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])


def differences_of_folds(generator: np.random.Generator, repeats: int, folds: int) -> Floats:
    """Return made-up differences whose correlation, 1/k, is the one that the correction assumes."""
    shared, own = generator.normal(size=1), generator.normal(size=repeats * folds)
    differences: Floats = (1 / folds) ** 0.5 * shared + (1 - 1 / folds) ** 0.5 * own
    return differences


def test_the_corrected_t_is_that_of_a_worked_example() -> None:
    found = corrected_t(np.array([0.02, 0.04, 0.00, 0.06]), folds=2)
    # Mean 0.03, S² = 0.002/3; variance of the mean (1/4 + 1) · S², so t = 0.03 / √0.00083333 = 1.03923.
    assert found.difference == pytest.approx(0.03)
    assert found.p == pytest.approx(2 * stats.t.sf(1.0392305, 3), rel=1e-6)
    assert found.low == pytest.approx(0.03 - 3.1824463 * 0.0288675, rel=1e-5)
    assert found.high == pytest.approx(0.03 + 3.1824463 * 0.0288675, rel=1e-5)
    assert found.effect == pytest.approx(0.03 / (0.002 / 3) ** 0.5)


def test_with_ever_more_folds_the_correction_goes_and_leaves_the_paired_t_test() -> None:
    differences = np.random.default_rng(0).normal(0.5, 1, 20)
    known = stats.ttest_1samp(differences, 0)
    found = corrected_t(differences, folds=10**9)
    interval = known.confidence_interval(0.95)
    assert found.p == pytest.approx(known.pvalue, rel=1e-6)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-6)


def test_the_corrected_t_gives_false_alarms_as_often_as_it_says_where_the_plain_one_does_not() -> None:
    generator = np.random.default_rng(1)
    trials = [differences_of_folds(generator, 10, 10) for _ in range(1000)]
    corrected = np.mean([corrected_t(trial, 10).p < 0.05 for trial in trials])
    plain = np.mean([stats.ttest_1samp(trial, 0).pvalue < 0.05 for trial in trials])
    assert corrected == pytest.approx(0.05, abs=0.02)
    assert plain > 0.3


def test_the_interval_of_cohens_d_holds_the_effect_as_often_as_it_says() -> None:
    generator = np.random.default_rng(2)
    found = [corrected_t(differences_of_folds(generator, 3, 5) + 0.8, 5) for _ in range(300)]
    within = np.mean([one.effect_low < 0.8 < one.effect_high for one in found])
    assert within == pytest.approx(0.95, abs=0.035)


@pytest.mark.parametrize("seed", range(4))
def test_the_interval_of_cohens_d_is_that_of_the_noncentral_t(seed: int) -> None:
    differences = np.random.default_rng(seed).normal(0.3, 1, 30)
    found = corrected_t(differences, 10)
    scale = (1 / 30 + 1 / 9) ** 0.5
    shares = [stats.nct.cdf(found.effect / scale, 29, bound / scale) for bound in (found.effect_low, found.effect_high)]
    assert shares == pytest.approx([0.975, 0.025], abs=2e-4)
    mirrored = corrected_t(-differences, 10)
    assert (mirrored.effect_low, mirrored.effect_high) == pytest.approx((-found.effect_high, -found.effect_low))


def test_a_large_effect_has_an_interval_too() -> None:
    found = corrected_t(1 + 0.001 * np.random.default_rng(3).normal(size=100), 10)
    assert 300 < found.effect_low < found.effect < found.effect_high < 3000


def test_equal_differences_are_no_accident_and_none_are_no_difference() -> None:
    none = corrected_t(np.zeros(10), 5)
    assert (none.p, none.difference, none.effect) == (1, 0, 0)
    assert corrected_t(np.full(10, 0.1), 5).p == 0
    assert signed_rank(np.zeros(10)).p == 1


def test_the_signed_rank_test_is_hollander_and_wolfes() -> None:
    found = signed_rank(BEFORE - AFTER)
    assert found.p == pytest.approx(0.0390625)
    assert found.difference == pytest.approx(0.46)
    assert (found.low, found.high) == pytest.approx((0.01, 0.786))
    assert found.effect == pytest.approx(2 * 40 / 45 - 1)


@pytest.mark.parametrize("decimals", [6, 1, 0])
@pytest.mark.parametrize("seeds", [4, 5, 10, 12])
def test_the_p_value_is_exact_with_ties_too(seeds: int, decimals: int) -> None:
    differences = np.round(np.random.default_rng(seeds).normal(0.8, 1, seeds), decimals) + 0.0
    kept = differences[differences != 0]
    known = stats.wilcoxon(kept, method=stats.PermutationMethod(n_resamples=np.inf))
    assert signed_rank(differences).p == pytest.approx(known.pvalue)


def test_too_few_seeds_bound_nothing_and_their_least_p_value_is_known() -> None:
    few = signed_rank(np.array([0.1, 0.2, 0.3, 0.4, 0.5]))
    assert (few.low, few.high) == (-np.inf, np.inf)
    for seeds in (2, 5, 10):
        assert signed_rank(np.arange(1.0, seeds + 1)).p == pytest.approx(least_p(seeds))


def test_the_intervals_of_the_signed_rank_test_hold_the_truth_as_often_as_they_say() -> None:
    generator = np.random.default_rng(4)
    shift, n = 0.5, 12
    truth = 2 * stats.norm.cdf(shift * 2**0.5) - 1
    found = [signed_rank(generator.normal(shift, 1, n)) for _ in range(500)]
    assert np.mean([one.low <= shift <= one.high for one in found]) > 0.93
    # Of r, the mean of a finite sample is that of pairs, and of each with itself.
    mean = ((n - 1) * truth + 2 * (2 * stats.norm.cdf(shift) - 1)) / (n + 1)
    assert np.mean([one.effect_low <= mean <= one.effect_high for one in found]) > 0.93


def test_one_sign_alone_does_not_make_an_effect_certain() -> None:
    found = signed_rank(np.arange(1.0, 11))
    assert found.effect == found.effect_high == pytest.approx(1)
    assert 0.3 < found.effect_low < 0.9
    assert signed_rank(-np.arange(1.0, 11)).effect_low == pytest.approx(-1)


def test_bonferroni_multiplies_by_the_whole_table() -> None:
    np.testing.assert_allclose(bonferroni(np.array([0.001, 0.02, 0.5])), [0.003, 0.06, 1])


def test_one_difference_is_not_tested() -> None:
    with pytest.raises(ValueError, match="at least two differences"):
        signed_rank(np.ones(1))
    with pytest.raises(ValueError, match="at least two differences"):
        corrected_t(np.ones(1), 10)
    with pytest.raises(ValueError, match="two folds"):
        corrected_t(np.ones(3), 1)
