"""MNIST: how unsteady the gradient is while small networks train, and far larger ones."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from model_export.reproduction.contender import NETWORKS
from model_export.reproduction.measures import measure
from model_export.reproduction.pixel_scale import PixelScale
from model_export.reproduction.recipe import Recipe
from model_export.reproduction.records import Experiment, Outcome, Unit
from model_export.reproduction.selection import BUDGET, candidates, choose
from model_export.reproduction.stack import Job, train_stack
from model_export.reproduction.volatility import WINDOW, peak_volatility
from model_export.tasks.image_set import ImageSet
from model_export.tasks.mnist import CLASSES, load_mnist

SMALL = 32
"""Hidden neurons."""

BASE = Recipe((SMALL,), batch_size=128)

LAMBDAS = (10**-3.5, 10**-2.5, 10**-1.5)
"""Weaker than of tables: hundreds of features make a large Jacobian of each layer."""

WIDE = 498
"""Hidden neurons of a twin with 15.5 times the parameters of ChainzRule's: 395,920 and 25,578."""

WIDE_SUFFIX = ", 15.5 × the parameters"
"""What such a twin's name ends in."""

ROWS = 25_000
"""Training images, of which a fifth is for validation."""

_TUNING_SEED = 1000
"""The networks that settings are chosen by have seeds of their own, from here on."""


class Extent(NamedTuple):
    """How much is trained."""

    seeds: int
    epochs: int
    tuning_epochs: int
    seconds: float
    """Of the unit of a wide twin; the small networks' take half as long"""


FULL = Extent(seeds=13, epochs=8, tuning_epochs=3, seconds=20)
QUICK = Extent(seeds=1, epochs=4, tuning_epochs=2, seconds=10)


def units(quick: bool) -> Sequence[Unit]:
    """Return, for each seed and activation, a unit of the two small networks, and one of a usual one's wide twin."""
    extent = QUICK if quick else FULL
    settings = {
        "recipe": BASE.settings,
        "rows": ROWS,
        "budget": BUDGET,
        "lambdas": LAMBDAS,
        "window": WINDOW,
        "epochs": extent.epochs,
        "tuning_epochs": extent.tuning_epochs,
    }
    return [
        Unit(
            f"{activation}-{width}-{seed}",
            {**settings, "seed": seed, "activation": activation, "width": width},
            extent.seconds * (1 if width == WIDE else 0.5),
            partial(run, activation, width, seed, extent),
        )
        for seed in range(extent.seeds)
        for activation in dict.fromkeys(contender.activation for contender in NETWORKS)
        for width in ((SMALL,) if activation == "polynomial" else (SMALL, WIDE))
    ]


def run(activation: str, width: int, seed: int, extent: Extent) -> Outcome:
    """Tune, train and measure the contenders of one activation and width with one seed."""
    return evaluate(load(), activation, width, seed, extent)


@cache
def load() -> ImageSet:
    """Return MNIST, read once a process.

    Raises:
        DataNotFoundError: if it is not at hand.
        DataError: if a file of it is not what it should be.
    """
    return load_mnist()


def evaluate(images: ImageSet, activation: str, width: int, seed: int, extent: Extent) -> Outcome:
    """Return the volatility of training, and what the networks do on the official test images."""
    some = np.random.default_rng(seed).permutation(len(images.training))[:ROWS]
    training, validation = images.training.pick(some).hold_out(0.2, seed)
    scale = PixelScale.fit(training)
    rows, held_out, test = scale.part(training), scale.part(validation), scale.part(images.test)
    fewer = scale.part(training.hold_out(0.2, seed)[1])
    records, chosen = [], {}
    suffix = WIDE_SUFFIX if width == WIDE else ""
    base = replace(BASE, hidden_widths=(width,))
    for contender in NETWORKS:
        if contender.activation != activation or (contender.dreg and width == WIDE):
            continue
        recipes = [replace(recipe, max_epochs=extent.tuning_epochs) for recipe in candidates(contender, base, LAMBDAS)]
        recipe = choose(recipes, fewer, held_out, len(CLASSES), [_TUNING_SEED + seed])
        # None ends before its last epoch: the longer a training is, the higher its peak can be.
        recipe = replace(recipe, max_epochs=extent.epochs, patience=extent.epochs)
        (trained,) = train_stack([Job(recipe, seed, rows, held_out)], len(CLASSES))
        measured = measure(f"{contender.name}{suffix}", trained.network, test, seed=seed)
        peak = peak_volatility(trained.gradient_norms)
        records += [*measured, measured[0]._replace(metric="peak gradient volatility", value=peak)]
        chosen[contender.name] = {
            "learning rate": recipe.learning_rate,
            "weight decay": recipe.weight_decay,
            "λ": recipe.dreg.start,
            "best epoch": trained.epochs,
            "steps": len(trained.gradient_norms),
        }
    return Outcome(records, {"data": images.extent, "chosen": chosen})


MNIST_VOLATILITY = Experiment(
    title="MNIST",
    data="MNIST; by each seed 20,000 of the training images to train on and 5,000 to choose by, official test images",
    protocol=f"784-{SMALL}-10 on flattened pixels, and usual activations with 784-{WIDE}-10 as well; "
    f"{FULL.seeds} seeds. Every contender chooses among {BUDGET} settings by its validation loss, trained on a fifth "
    "of the rows. Peak gradient volatility: the largest standard deviation of the gradient's norm over its mean, over "
    f"{WINDOW} steps in a row",
    units=units,
)
"""The paper's comparison of how steadily networks train."""
