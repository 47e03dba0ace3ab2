"""The compact form against the scorer, which `test_scorer` holds against the definitions."""

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor

from model_export.graph.calibration import calibrate
from model_export.graph.compact import Strangeness, compact
from model_export.graph.onnx_writer import write_graph
from model_export.graph.scorer import Scorer
from model_export.graph.verdict import ManyClasses, TwoClasses
from model_export.graph.verification import check_parity
from model_export.reliability import Confidence, ConformalScale, TailScale
from model_export.training import ChainzRuleClassifier
from service.manifest import JacobianKind
from tests.conftest import make_table


@pytest.fixture(scope="module", params=[2, 3])
def fitted(request: pytest.FixtureRequest) -> tuple[ChainzRuleClassifier, int]:
    """A network of two or of three classes."""
    table, labels = make_table(300, seed=1)
    classes: int = request.param
    named = labels.replace("medium", "low") if classes == 2 else labels
    return ChainzRuleClassifier((12, 8), max_epochs=15, random_state=0).fit(table, named), classes


@pytest.fixture(params=["margin", "full"])
def scorer(request: pytest.FixtureRequest, fitted: tuple[ChainzRuleClassifier, int]) -> Scorer:
    kind: JacobianKind = request.param
    estimator, classes = fitted
    table, labels = make_table(300, seed=2)
    named = labels.replace("medium", "low") if classes == 2 else labels
    return calibrate(estimator, make_table(300, seed=1)[0], table, named, jacobian=kind).scorer


@pytest.fixture
def rows() -> Tensor:
    return torch.from_numpy(make_table(200, seed=5)[0].to_numpy(copy=True))


def test_is_the_same_function(scorer: Scorer, rows: Tensor) -> None:
    small = compact(scorer).double()(rows).present()
    for name, expected in scorer(rows).present().items():
        found = small[name]
        assert found.shape == expected.shape, name
        # Its constants went through float32.
        torch.testing.assert_close(found.double(), expected.double(), rtol=1e-4, atol=1e-5, msg=name)
    assert scorer.network.head.weight.dtype == torch.float64


def test_exports_to_a_graph_that_agrees(scorer: Scorer) -> None:
    check_parity(scorer, write_graph(compact(scorer), "features"), make_table(300, seed=2)[0].to_numpy(np.float32))


def test_every_output_is_finite_however_far_the_row(scorer: Scorer) -> None:
    far = torch.tensor([[1e30, -1e30, 1e30, 1e30], [torch.nan] * 4, [-3e38] * 4], dtype=torch.float64)
    for name, output in compact(scorer).double()(far).present().items():
        assert torch.isfinite(output.double()).all(), name


def test_a_certain_row_is_as_certain_as_the_scorer_allows(scorer: Scorer, rows: Tensor) -> None:
    scorer.temperature *= 1e-3
    small = compact(scorer).double()(rows)
    for name in ("probabilities", "reliability"):
        expected, found = getattr(scorer(rows), name), getattr(small, name)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4, msg=name)
    assert (scorer(rows).probabilities.amax(1) > 1 - 1e-6).any()


def test_two_classes_need_no_order_but_where_all_rows_of_j_are_taken(scorer: Scorer) -> None:
    two = len(scorer.network.head.weight) == 2 and scorer.jacobian == "margin"
    small = compact(scorer)
    assert isinstance(small.verdict, TwoClasses if two else ManyClasses)
    operators = [node.op_type for node in onnx.load_from_string(write_graph(small, "features")).graph.node]
    assert ("TopK" in operators) is not two


def test_strangeness_is_the_p_value_and_half_the_trust() -> None:
    distances = np.random.default_rng(0).gamma(4, size=200)
    scale, tail = ConformalScale.fit(distances), TailScale.fit(distances)
    probe = torch.linspace(0, 60, 500, dtype=torch.float64)
    typicality, half_trust = Strangeness(scale, tail)(probe)
    torch.testing.assert_close(typicality, scale(probe))
    # With a = 50, b = 0 and chance 0 the regression is 1, and reliability the trust itself.
    trust = Confidence(50.0, 0.0, 0.0)(torch.zeros_like(probe), tail(probe))
    torch.testing.assert_close(2 * half_trust, trust)
    assert trust.min() < 0.1
    assert trust.max() > 0.99
