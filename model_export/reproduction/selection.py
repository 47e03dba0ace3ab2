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
CURVATURES = (0.1, 0.5)
LAMBDAS = (1e-3, 1e-2, 3e-2)
DECAYS = (1e-2, 1e-1, 1.0)


def candidates(
    contender: Contender,
    base: Recipe,
    lambdas: Sequence[float] = LAMBDAS,
    *,
    rates: Sequence[float] = RATES,
    decays: Sequence[float] = DECAYS,
) -> tuple[Recipe, ...]:
    """Return the settings that a contender may choose among.

    Three strengths of what holds it back, λ with DREG and weight decay without, times two starts of the polynomials;
    the other activations have nothing to start, and choose between two learning rates instead.
    """
    own = replace(base, activation=contender.activation, spectral=contender.spectral)
    if contender.activation == "polynomial":
        variants = [replace(own, curvature=curvature) for curvature in CURVATURES]
    else:
        variants = [replace(own, learning_rate=rate) for rate in rates]
    if contender.dreg:
        return tuple(replace(variant, dreg=Schedule(strength)) for variant, strength in product(variants, lambdas))
    return tuple(replace(variant, weight_decay=decay) for variant, decay in product(variants, decays))


def choose(recipes: Sequence[Recipe], training: Part, validation: Part, classes: int, seeds: Sequence[int]) -> Recipe:
    """Return the recipe with the least validation loss, on the mean over seeds; the seeds are for this alone."""
    jobs = [Job(recipe, seed, training, validation) for recipe in recipes for seed in seeds]
    losses = np.array([trained.validation_loss for trained in train_stack(jobs, classes)])
    return recipes[int(losses.reshape(len(recipes), len(seeds)).mean(1).argmin())]
