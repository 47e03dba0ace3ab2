"""Attacks on made-up networks."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from model_export.chainzrule import ChainzRuleNetwork
from model_export.reproduction.attack import attack

EPSILON = 8 / 255


@pytest.fixture
def network() -> ChainzRuleNetwork:
    torch.manual_seed(0)
    return ChainzRuleNetwork((12, 16, 3)).requires_grad_(False)


@pytest.fixture
def rows() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(50, 12, generator=generator), torch.randint(3, (50,), generator=generator)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_pixels_stay_within_the_ball_and_within_what_pixels_can_be(
    network: ChainzRuleNetwork, rows: tuple[Tensor, Tensor]
) -> None:
    pixels, labels = rows
    pixels[:, 0], pixels[:, 1] = 0.0, 1.0
    changed = attack(network, pixels, labels, EPSILON, generator())
    assert (changed - pixels).abs().max() <= EPSILON + 1e-6
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert not changed.requires_grad


def test_every_loss_rises_and_more_so_in_a_larger_ball(network: ChainzRuleNetwork, rows: tuple[Tensor, Tensor]) -> None:
    pixels, labels = rows
    clean, near, far = (
        cross_entropy(network(attack(network, pixels, labels, epsilon, generator())), labels, reduction="none")
        for epsilon in (0.0, EPSILON, 4 * EPSILON)
    )
    assert (near > clean).all()
    assert far.mean() > near.mean()


def test_a_ball_of_no_size_changes_nothing(network: ChainzRuleNetwork, rows: tuple[Tensor, Tensor]) -> None:
    assert torch.equal(attack(network, *rows, 0.0, generator()), rows[0])


def test_against_a_linear_model_it_is_the_best_there_is(rows: tuple[Tensor, Tensor]) -> None:
    pixels, labels = rows[0], rows[1] % 2
    weight = torch.randn(12, 2, generator=generator())
    towards_the_other = (weight[:, 1] - weight[:, 0]) * (1 - 2 * labels.unsqueeze(1))
    best = (pixels + EPSILON * towards_the_other.sign()).clamp(0, 1)
    torch.testing.assert_close(attack(lambda at: at @ weight, pixels, labels, EPSILON, generator()), best)


def test_the_same_seed_makes_the_same_attack(network: ChainzRuleNetwork, rows: tuple[Tensor, Tensor]) -> None:
    first, second = (attack(network, *rows, EPSILON, generator(), steps=1) for _ in range(2))
    assert torch.equal(first, second)
