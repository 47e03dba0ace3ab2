from dataclasses import replace

import pytest
import torch

from model_export.reproduction.contender import NETWORKS, Contender
from model_export.reproduction.recipe import Recipe
from model_export.reproduction.selection import BUDGET, candidates, choose
from model_export.reproduction.stack import Part


@pytest.mark.parametrize("contender", [*NETWORKS, Contender("relu", dreg=False, spectral=True)])
def test_every_contender_has_the_same_number_of_different_candidates(contender: Contender) -> None:
    found = candidates(contender, Recipe())
    assert len(found) == len(set(found)) == BUDGET
    for recipe in found:
        assert recipe.activation == contender.activation
        assert (recipe.dreg(0.5) > 0) == contender.dreg
        assert recipe.spectral == contender.spectral


def test_names_tell_contenders_apart() -> None:
    names = [contender.name for contender in (*NETWORKS, Contender("relu", dreg=False, spectral=True))]
    assert names[:3] == ["ChainzRule", "polynomial", "relu + DREG"]
    assert names[-1] == "spectral relu"
    assert len(set(names)) == 11


def test_the_candidate_that_validates_best_is_chosen() -> None:
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    training, validation = (Part(x[rows], (x[rows, 0] > 0).long()) for rows in (slice(150), slice(150, None)))
    good = Recipe((8,), learning_rate=1e-2, max_epochs=10)
    poor = [replace(good, learning_rate=1e-6), replace(good, learning_rate=1e30)]
    assert choose([*poor, good], training, validation, 2, seeds=(100, 101)) == good
