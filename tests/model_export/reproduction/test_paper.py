from model_export.reproduction.paper import CLAIMS
from model_export.reproduction.quantities import quantity


def test_every_claim_has_a_metric_of_which_more_or_less_is_better() -> None:
    assert all(quantity(claim.metric).better for claim in CLAIMS)


def test_no_two_claims_are_of_the_same_measurement_or_of_one_name() -> None:
    assert len({(claim.experiment, claim.metric, claim.suffix) for claim in CLAIMS}) == len(CLAIMS)
    assert len({claim.domain for claim in CLAIMS}) == len(CLAIMS)


def test_every_number_of_the_papers_table_is_there() -> None:
    stated = " ".join(f"{claim.stated} {claim.compared}" for claim in CLAIMS)
    for number in ("85.71 % ± 2.01 %", "46.20 % ± 0.37 %", "45.7 %", "55.79 %", "54.9 %", "70.17 %", "66.35 %"):
        assert number in stated
    for number in ("+2.32 points", "+1.04 points", "−23.1 %", "15.5 ×", "1.01–1.02", "1.07–1.09", "3.2 M"):
        assert number in stated
