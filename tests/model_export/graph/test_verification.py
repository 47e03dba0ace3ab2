"""What the comparison of graph and scorer must let pass and must find, on features that hang together."""

from collections.abc import Callable
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer

from model_export.errors import VerificationError
from model_export.graph.calibration import calibrate
from model_export.graph.compact import Strangeness, compact
from model_export.graph.onnx_writer import export_graph, write_graph
from model_export.graph.scorer import Scorer, as_arrays
from model_export.graph.verification import TOLERANCE, _resolution, _scales, check_parity, verification_rows
from model_export.training import ChainzRuleClassifier


class Fitted(NamedTuple):
    scorer: Scorer
    usual: NDArray[np.float32]


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    """The default network on 30 features that are nearly functions of ten."""
    table, labels = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(1).permutation(len(labels))
    training, held_out = order[:379], order[379:]
    estimator = ChainzRuleClassifier(random_state=1).fit(table[training], labels[training])
    calibration = calibrate(estimator, table[training], table[held_out], labels[held_out])
    return Fitted(calibration.scorer, table[held_out].astype(np.float32))


def test_logits_that_are_differences_of_much_larger_terms_are_not_held_against_the_graph(fitted: Fitted) -> None:
    export_graph(fitted.scorer, "features", fitted.usual)


def flatten_ramps(strangeness: Strangeness) -> None:
    strangeness.scales.mul_(1 / 1.1)
    strangeness.offsets[:-1].mul_(1 / 1.1)


@pytest.mark.parametrize(
    ("output", "fault"),
    [
        ("typicality", flatten_ramps),
        ("typicality", lambda strangeness: strangeness.steps[:-1].mul_(1.1)),
        ("reliability", lambda strangeness: strangeness.slope.mul_(1.05)),
        ("reliability", lambda strangeness: strangeness.slope.mul_(0.95)),
        ("reliability", lambda strangeness: strangeness.height.add_(0.5)),
        ("reliability", lambda strangeness: strangeness.height.sub_(0.5)),
    ],
)
def test_a_fault_that_only_usual_rows_show_is_found(
    fitted: Fitted, output: str, fault: Callable[[Strangeness], object]
) -> None:
    faulty = compact(fitted.scorer)
    fault(faulty.strangeness)
    with pytest.raises(VerificationError, match=f"{output} differs .* on usual rows"):
        check_parity(fitted.scorer, write_graph(faulty, "features"), fitted.usual)


def test_what_is_allowed_of_a_share_stays_far_below_one_however_steep_it_is(fitted: Fitted) -> None:
    cold = deepcopy(fitted.scorer)
    cold.temperature.mul_(1e-3)
    for _, rows in verification_rows(cold, fitted.usual, 0):
        exact = torch.from_numpy(rows).double()
        with torch.no_grad():
            expected = as_arrays(cold(exact))
            scales = _scales(expected, _resolution(cold, exact, 0.1 * TOLERANCE), TOLERANCE)
        assert (TOLERANCE * np.maximum(scales.reliability, scales.typicality)).max() < 0.11


def test_usual_rows_get_more_gaps_only_where_some_are(fitted: Fitted) -> None:
    assert "usual rows with missing values" not in dict(verification_rows(fitted.scorer, fitted.usual, 0))
    usual = fitted.usual.copy()
    usual[:3, 2] = np.nan
    kinds = dict(verification_rows(fitted.scorer, usual, 0))
    assert list(kinds)[:2] == ["usual rows", "usual rows with missing values"]
    gaps = np.isnan(kinds["usual rows with missing values"])
    assert 30 < gaps[:, 2].sum() < 90
    assert not np.delete(gaps, 2, axis=1).any()
