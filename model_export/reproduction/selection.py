"""Choosing settings on validation rows, with the same budget for every contender."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from model_export.reproduction.contender import Contender
from model_export.reproduction.recipe import Recipe
from model_export.reproduction.stack import Job, Part, train_stack
from model_export.training.schedule import Schedule

BUDGET = 6
"""Candidates that every contender may choose among, classical methods too."""

RATES = (1e-3, 3e-3)
LAMBDAS = (10**-2.5, 10**-1.5, 10**-0.5)
DECAYS = (1e-2, 1e-1, 1.0)


def candidates(contender: Contender, base: Recipe, lambdas: Sequence[float] = LAMBDAS) -> tuple[Recipe, ...]:
    """Return the settings that a contender may choose among.

    Two learning rates, times three strengths of what holds it back: λ with DREG, weight decay without.
    """
    own = replace(base, activation=contender.activation, spectral=contender.spectral)
    if contender.dreg:
        found = [
            replace(own, learning_rate=rate, dreg=Schedule(strength)) for rate, strength in product(RATES, lambdas)
        ]
    else:
        found = [replace(own, learning_rate=rate, weight_decay=decay) for rate, decay in product(RATES, DECAYS)]
    return tuple(found)


def choose(recipes: Sequence[Recipe], training: Part, validation: Part, classes: int, seeds: Sequence[int]) -> Recipe:
    """Return the recipe with the least validation loss, on the mean over seeds; the seeds are for this alone."""
    jobs = [Job(recipe, seed, training, validation) for recipe in recipes for seed in seeds]
    losses = np.array([trained.validation_loss for trained in train_stack(jobs, classes)])
    return recipes[int(losses.reshape(len(recipes), len(seeds)).mean(1).argmin())]
