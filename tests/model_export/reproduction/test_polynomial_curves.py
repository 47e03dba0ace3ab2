import numpy as np
import pytest

from model_export.chainzrule.network import ChainzRuleNetwork
from model_export.reproduction.polynomial_curves import AFTER, BEFORE, curves, polynomial_records
from tests.model_export.reproduction.made_up_records import frame


def test_records_give_the_polynomials_back() -> None:
    start, network = ChainzRuleNetwork((3, 20, 4, 2)), ChainzRuleNetwork((3, 20, 4, 2), curvature=0.0)
    points = curves(frame(polynomial_records("ChainzRule", network, start)))
    assert points.groupby("layer")["neuron"].nunique().to_dict() == {0: 12, 1: 4}
    assert (points["z"].min(), points["z"].max()) == (-3, 3)
    z = points["z"].to_numpy()
    expected = np.where(points["metric"] == BEFORE, z + z**2 / 2 + z**3 / 20, z)
    assert points["value"].to_numpy() == pytest.approx(expected, abs=1e-5)
    assert set(points["metric"]) == {BEFORE, AFTER}


def test_other_records_are_no_curves() -> None:
    assert curves(frame([record._replace(metric="accuracy") for record in records()])).empty


def records() -> list:  # type: ignore[type-arg]
    network = ChainzRuleNetwork((2, 2, 2))
    return polynomial_records("ChainzRule", network, network)
