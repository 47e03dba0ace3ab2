from fractions import Fraction
from math import floor

import pytest

from service.monitoring.bounds import SHARE_BOUNDS
from service.monitoring.references import typicality_share


@pytest.mark.parametrize("rows", [19, 99, 154, 180, 999, 100_000])
def test_the_share_of_unshifted_rows_is_that_of_the_ranks(rows: int) -> None:
    for bound in SHARE_BOUNDS:
        exact = floor(Fraction(str(bound)) * (rows + 1)) / (rows + 1)
        assert typicality_share(bound, rows) == exact
