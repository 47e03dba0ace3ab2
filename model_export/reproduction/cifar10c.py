"""CIFAR-10-C: dense networks on test images that are corrupted, or changed by an adversary."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import torch

from model_export.chainzrule import Network
from model_export.reproduction.attack import STEPS, attack
from model_export.reproduction.contender import NETWORKS
from model_export.reproduction.corruptions import FROST_PACKAGE, SEVERITIES, at_hand, corruptions_of
from model_export.reproduction.measures import measure, parameter_count
from model_export.reproduction.pixel_scale import PixelScale, shares
from model_export.reproduction.recipe import Recipe
from model_export.reproduction.records import Experiment, Outcome, Record, Unit
from model_export.reproduction.selection import BUDGET, candidates, choose
from model_export.reproduction.stack import Job, train_stack
from model_export.tasks.cifar10 import CLASSES, load_cifar10
from model_export.tasks.image_set import ImageSet
from model_export.training.images import Images

BASE = Recipe((128, 128), batch_size=256, max_epochs=10, patience=2)

LAMBDAS = (10**-3.5, 10**-2.5, 10**-1.5)
"""Weaker than of tables: thousands of features make a large Jacobian of each layer."""

EPSILONS = (2, 8)
"""Of 255 grey levels."""

ATTACKED = 1000
"""The first test images."""

_CORRUPTION_SEED = 0
"""Every network meets the same corrupted images."""

_TUNING_SEED = 1000
"""The networks that settings are chosen by have seeds of their own, from here on."""


class Extent(NamedTuple):
    """How much is trained and measured."""

    seeds: int
    training: int | None
    """Images, validation rows among them; all if None"""

    test: int | None
    """The first so many; all if None"""

    epochs: int
    tuning_epochs: int
    seconds: float
    """Of a unit"""


FULL = Extent(seeds=10, training=None, test=None, epochs=BASE.max_epochs, tuning_epochs=3, seconds=540)
QUICK = Extent(seeds=1, training=5_000, test=1_000, epochs=5, tuning_epochs=2, seconds=45)


def units(quick: bool) -> Sequence[Unit]:
    """Return a unit for each seed: all contenders, so that the corrupted images are made once for them."""
    extent = QUICK if quick else FULL
    settings = {
        "recipe": BASE.settings,
        "contenders": [contender.name for contender in NETWORKS],
        "budget": BUDGET,
        "lambdas": LAMBDAS,
        "corruptions": list(at_hand()),
        "attack": {"epsilons": EPSILONS, "steps": STEPS, "images": ATTACKED},
        **extent._asdict(),
    }
    del settings["seeds"], settings["seconds"]
    return [
        Unit(f"seed-{seed}", {**settings, "seed": seed}, extent.seconds, partial(run, seed, extent))
        for seed in range(extent.seeds)
    ]


def run(seed: int, extent: Extent) -> Outcome:
    """Tune and train every contender with one seed, and measure all of them."""
    return evaluate(load(), seed, extent)


@cache
def load() -> ImageSet:
    """Return CIFAR-10, decoded once a process.

    Raises:
        DataNotFoundError: if it is not at hand.
        DataError: if a file of it is not what it should be.
    """
    return load_cifar10()


def evaluate(images: ImageSet, seed: int, extent: Extent) -> Outcome:
    """Return what every contender does on the test images: as they are, corrupted, and attacked."""
    every = images.training
    if extent.training is not None:
        every = every.pick(np.random.default_rng(seed).permutation(len(every))[: extent.training])
    training, validation = every.hold_out(0.1, seed)
    scale = PixelScale.fit(training)
    networks, notes = _train(training, validation, scale, seed, extent)
    test = images.test.pick(np.arange(len(images.test))[: extent.test])
    part = scale.part(test)
    records = [
        *(record for name, network in networks.items() for record in measure(name, network, part, seed=seed)),
        *_corrupted(networks, test, scale, seed),
        *_attacked(networks, test, scale, seed),
    ]
    known = at_hand()
    notes |= {
        "data": images.extent,
        "measured on": f"{len(test):,} test images, {min(ATTACKED, len(test)):,} of them attacked",
        "corruptions": f"{len(known)} × {len(SEVERITIES)}",
    }
    if "frost" not in known:
        notes["without"] = f"frost, whose photographs are in the package {FROST_PACKAGE}, which is not installed"
    return Outcome(records, notes)


def _train(
    training: Images, validation: Images, scale: PixelScale, seed: int, extent: Extent
) -> tuple[dict[str, Network], dict[str, object]]:
    """Return the trained networks by contender, and what was chosen for each; a fifth of the rows is tuned on."""
    rows, held_out = scale.part(training), scale.part(validation)
    fewer = scale.part(training.hold_out(0.2, seed)[1])
    networks, notes = {}, {}
    for contender in NETWORKS:
        recipes = [replace(recipe, max_epochs=extent.tuning_epochs) for recipe in candidates(contender, BASE, LAMBDAS)]
        chosen = choose(recipes, fewer, held_out, len(CLASSES), [_TUNING_SEED + seed])
        chosen = replace(chosen, max_epochs=extent.epochs)
        (trained,) = train_stack([Job(chosen, seed, rows, held_out)], len(CLASSES))
        networks[contender.name] = trained.network
        notes[contender.name] = {
            "learning rate": chosen.learning_rate,
            "weight decay": chosen.weight_decay,
            "λ": chosen.dreg.start,
            "epochs": trained.epochs,
            "validation loss": trained.validation_loss,
        }
    return networks, {"chosen": notes}


@torch.no_grad()
def _corrupted(networks: Mapping[str, Network], test: Images, scale: PixelScale, seed: int) -> list[Record]:
    """Return the accuracy under every corruption, made once for all networks, and each network's mean."""
    metric = "corruption accuracy"
    labels = torch.from_numpy(test.labels)
    records = []
    for corrupted in corruptions_of(test.pixels, _CORRUPTION_SEED):
        rows = scale.part(Images(corrupted.images, test.labels)).rows
        condition = f"{corrupted.corruption} {corrupted.severity}"
        for name, network in networks.items():
            accuracy = (network(rows).argmax(1) == labels).float().mean().item()
            records.append(Record(name, parameter_count(network), metric, accuracy, seed=seed, condition=condition))
    for name, network in networks.items():
        mean = float(np.mean([record.value for record in records if record.contender == name]))
        records.append(Record(name, parameter_count(network), metric, mean, seed=seed))
    return records


def _attacked(networks: Mapping[str, Network], test: Images, scale: PixelScale, seed: int) -> list[Record]:
    """Return the accuracy on the first test images, changed against each network in turn, and its mean over radii."""
    first = test.pick(np.arange(len(test))[:ATTACKED])
    records = []
    for name, network in networks.items():
        by_radius = {
            f"eps {epsilon}/255": _accuracy_attacked(network, first, scale, epsilon / 255, seed) for epsilon in EPSILONS
        }
        by_radius[""] = float(np.mean(list(by_radius.values())))
        records += [
            Record(name, parameter_count(network), "robust accuracy", accuracy, seed=seed, condition=condition)
            for condition, accuracy in by_radius.items()
        ]
    return records


def _accuracy_attacked(network: Network, images: Images, scale: PixelScale, epsilon: float, seed: int) -> float:
    def logits(pixels: torch.Tensor) -> torch.Tensor:
        return network.trace(scale.standardise(pixels)).logits

    labels = torch.from_numpy(images.labels)
    changed = attack(logits, shares(images), labels, epsilon, torch.Generator().manual_seed(seed))
    return (logits(changed).argmax(1) == labels).float().mean().item()


CIFAR10_C = Experiment(
    title="CIFAR-10-C",
    data="CIFAR-10, and its test images under the published 15 corruptions in 5 severities each, made here",
    protocol="3072-128-128-10 on flattened pixels, without augmentation. By each of 10 seeds a tenth of the training "
    f"images is held out; every contender chooses among {BUDGET} settings by its loss there, trained on a fifth of "
    f"the rest, then trains on all of it, for {FULL.epochs} epochs at most. PGD in L∞: {STEPS} steps, random start, "
    f"the first {ATTACKED:,} test images.",
    units=units,
)
"""The paper's comparison of dense networks under corruption and attack."""
