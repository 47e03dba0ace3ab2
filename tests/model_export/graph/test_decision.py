import pytest
import torch
from torch import Tensor

from model_export.chainzrule import ChainzRuleNetwork
from model_export.graph.decision import decide, walk_back

THRESHOLDS = torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64)


@pytest.fixture(scope="module")
def network() -> ChainzRuleNetwork:
    torch.manual_seed(0)
    return ChainzRuleNetwork((3, 6, 4), ordinal=True).double().requires_grad_(False)


def logits(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).unsqueeze(1) - THRESHOLDS


@pytest.mark.parametrize(
    ("latent", "label", "runner_up", "margin"),
    [(-3.0, 0, 1, 2.0), (-0.9, 1, 0, 0.1), (-0.2, 1, 2, 0.2), (0.9, 2, 1, 0.9), (1.9, 2, 3, 0.1), (9.0, 3, 2, 7.0)],
)
def test_the_label_lies_between_thresholds_and_its_neighbour_behind_the_nearest(
    network: ChainzRuleNetwork, latent: float, label: int, runner_up: int, margin: float
) -> None:
    found = decide(network, logits(latent), 1.0)
    assert (found.label.item(), found.runner_up.item()) == (label, runner_up)
    assert found.margin.item() == pytest.approx(margin)


def test_the_distribution_is_that_of_the_thresholds_and_says_what_to_expect(network: ChainzRuleNetwork) -> None:
    found = decide(network, logits(0.5, -4.0), 2.0)
    above = torch.sigmoid((0.5 - THRESHOLDS) / 2)
    torch.testing.assert_close(
        found.probabilities[0], torch.stack([1 - above[0], *(above[:-1] - above[1:]), above[-1]])
    )
    torch.testing.assert_close(found.probabilities.sum(1), torch.ones(2, dtype=torch.float64))
    assert found.expected_level is not None
    torch.testing.assert_close(found.expected_level, found.probabilities @ torch.arange(4.0, dtype=torch.float64))
    assert found.certainty[0] == found.probabilities[0, 2]


def test_the_label_is_the_median_of_the_distribution(network: ChainzRuleNetwork) -> None:
    found = decide(network, logits(*torch.linspace(-5, 5, 101).tolist()), 3.0)
    below = found.probabilities.cumsum(1)
    for row, label in enumerate(found.label.tolist()):
        assert below[row, label] >= 0.5 - 1e-9
        assert label == 0 or below[row, label - 1] <= 0.5 + 1e-9


def test_moving_along_the_gradient_raises_the_level(network: ChainzRuleNetwork) -> None:
    x = torch.randn(40, 3, dtype=torch.float64)
    trace = network.trace(x)
    before = decide(network, trace.logits, 1.0)
    walk = walk_back(network, trace, "margin", before)
    after = decide(network, network.trace(x + 1e-3 * walk.sensitivity).logits, 1.0)
    assert before.expected_level is not None
    assert after.expected_level is not None
    assert (after.expected_level > before.expected_level).all()
    torch.testing.assert_close(walk.boundary_distance, before.margin / walk.norm)
