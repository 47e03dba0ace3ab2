"""Heads on embeddings that stay as they are: what the experiments on texts have in common."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from model_export.errors import DataError
from model_export.reproduction.contender import NETWORKS
from model_export.reproduction.measures import measure
from model_export.reproduction.recipe import Recipe
from model_export.reproduction.records import Outcome, Record, Unit
from model_export.reproduction.selection import candidates, choose
from model_export.reproduction.stack import Job, Part, train_stack
from model_export.training.standardiser import Standardiser

SEEDS, QUICK_SEEDS = tuple(range(15)), tuple(range(2))
"""Of the draw of the training rows, of the start, and of the rows' order. A signed-rank test of fewer than 13 could not
show a difference after correction for so many comparisons."""

CHOICE_SEEDS, QUICK_CHOICE_SEEDS = (100, 101, 102), (100,)
"""Settings are chosen with seeds of their own."""

STRENGTHS = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
"""C of a logistic regression, of standardised rows: as many candidates as a network has."""

ITERATIONS = 300
"""The most of them that a logistic regression takes."""

LOGISTIC = "logistic regression"


class Embedded(NamedTuple):
    """Embeddings [N, D], float32, and their classes [N]."""

    rows: NDArray[np.float32]
    labels: NDArray[np.int64]

    def at(self, rows: NDArray[np.int64]) -> "Embedded":
        """Return some of them."""
        return Embedded(self.rows[rows], self.labels[rows])


class EmbeddedSet(NamedTuple):
    """A data set as an encoder sees it."""

    training: Embedded

    validation: Embedded | None
    """To stop and to choose by; where the publisher set none apart, a share of the training rows is, by the seed"""

    test: Embedded

    parts_of_test: Mapping[str, NDArray[np.int64]]
    """Rows of the test set that are measured by themselves too, by condition"""


class Split(NamedTuple):
    """One seed's rows, standardised by its training rows."""

    training: Part
    validation: Part
    test: Part


@dataclass(frozen=True)
class FrozenTask:
    """Heads of ten kinds, and a logistic regression, on embeddings.

    Args:
        load: returns the embeddings, by whether it is to be quick.
        data: what decides the embeddings beside that, as JSON has it.
        classes: K.
        base: what all networks have in common.
        rates: learning rates to choose among, see `candidates`.
        lambdas: λ likewise.
        decays: weight decays likewise.
        fractions: of the training rows, in the order of running.
        quick_fractions: those where it is to be quick.
        seconds: what one contender takes on one core with all training rows, its choice included.
        choice_share: of the training rows, what settings are chosen with.
        validation_share: of the training rows, where there are no others to validate with.
        quick_data: what decides the embeddings besides where it is to be quick.
    """

    load: Callable[[bool], EmbeddedSet]
    data: Mapping[str, Any]
    classes: int
    base: Recipe
    rates: tuple[float, ...]
    lambdas: tuple[float, ...]
    decays: tuple[float, ...]
    fractions: tuple[float, ...]
    quick_fractions: tuple[float, ...]
    seconds: float
    choice_share: float = 1.0
    validation_share: float = 0.15
    quick_data: Mapping[str, Any] = field(default_factory=dict)

    def units(self, quick: bool) -> list[Unit]:
        """Return a unit for each contender at each fraction: every contender at the first fraction comes first."""
        fractions = self.quick_fractions if quick else self.fractions
        return [unit for fraction in fractions for unit in self._at(fraction, quick)]

    def _at(self, fraction: float, quick: bool) -> Iterator[Unit]:
        seeds, choice_seeds = (QUICK_SEEDS, QUICK_CHOICE_SEEDS) if quick else (SEEDS, CHOICE_SEEDS)
        shared = {
            **self.data,
            **(self.quick_data if quick else {}),
            "quick": quick,
            "fraction": fraction,
            "seeds": seeds,
            "choice seeds": choice_seeds,
            "choice share": self.choice_share,
            "validation share": self.validation_share,
        }
        share = fraction * (len(seeds) / len(SEEDS))
        for contender in NETWORKS:
            recipes = candidates(contender, self.base, self.lambdas, rates=self.rates, decays=self.decays)
            yield Unit(
                f"{contender.name} {fraction:g}",
                {**shared, "candidates": [recipe.settings for recipe in recipes]},
                self.seconds * share,
                partial(_networks, self, contender.name, recipes, fraction, quick, seeds, choice_seeds),
            )
        if not self.base.ordinal:
            yield Unit(
                f"{LOGISTIC} {fraction:g}",
                {**shared, "candidates": STRENGTHS},
                self.seconds * share,
                partial(_logistic, self, fraction, quick, seeds),
            )


def _networks(
    task: FrozenTask,
    name: str,
    recipes: Sequence[Recipe],
    fraction: float,
    quick: bool,
    seeds: Sequence[int],
    choice_seeds: Sequence[int],
) -> Outcome:
    """Choose a recipe, train a network by each seed, and measure them."""
    rows = task.load(quick)
    # Which rows the choice sees is a matter of one draw; how they start and come, of every seed.
    apart = split(rows, fraction * task.choice_share, choice_seeds[0], task.validation_share)
    recipe = choose(recipes, apart.training, apart.validation, task.classes, choice_seeds)
    splits = _splits(rows, fraction, seeds, task.validation_share)
    jobs = [Job(recipe, seed, own.training, own.validation) for seed, own in zip(seeds, splits, strict=True)]
    records: list[Record] = []
    trained = train_stack(jobs, task.classes)
    for seed, own, one in zip(seeds, splits, trained, strict=True):
        for condition, chosen in {"": np.arange(len(rows.test.labels)), **rows.parts_of_test}.items():
            part = Part(own.test.rows[chosen], own.test.labels[chosen])
            where = {"seed": seed, "fraction": fraction, "condition": condition}
            records += measure(name, one.network, part, ordinal=recipe.ordinal, **where)
    return Outcome(
        records,
        {
            "chosen": recipe.settings,
            "training rows": len(splits[0].training.labels),
            "validation rows": len(splits[0].validation.labels),
            "test rows": len(rows.test.labels),
            "epochs": [one.epochs for one in trained],
            "validation losses": [one.validation_loss for one in trained],
        },
    )


def _logistic(task: FrozenTask, fraction: float, quick: bool, seeds: Sequence[int]) -> Outcome:
    """Fit a logistic regression to each seed's rows, its strength chosen on the validation rows of the first draw."""
    rows = task.load(quick)
    apart = split(rows, fraction * task.choice_share, CHOICE_SEEDS[0], task.validation_share)
    validated = [_fitted(apart.training, strength) for strength in STRENGTHS]
    found = [log_loss(apart.validation.labels, m.predict_proba(apart.validation.rows)) for m in validated]
    strength = STRENGTHS[int(np.argmin(found))]
    records = []
    models: dict[int, LogisticRegression] = {}
    for seed, own in zip(seeds, _splits(rows, fraction, seeds, task.validation_share), strict=True):
        # The same rows give the same model: where a seed draws none, it is fitted once.
        if id(own.training.rows) not in models:
            models[id(own.training.rows)] = _fitted(own.training, strength)
        model = models[id(own.training.rows)]
        probabilities = model.predict_proba(own.test.rows)
        labels = own.test.labels.numpy()
        values = {
            "accuracy": float((model.classes_[probabilities.argmax(1)] == labels).mean()),
            "log loss": float(log_loss(labels, probabilities)),
        }
        count = model.coef_.size + model.intercept_.size
        records += [Record(LOGISTIC, count, metric, value, seed, fraction=fraction) for metric, value in values.items()]
    return Outcome(records, {"chosen": {"C": strength}, "test rows": len(rows.test.labels)})


def _fitted(training: Part, strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=ITERATIONS).fit(training.rows.numpy(), training.labels.numpy())


def _splits(rows: EmbeddedSet, fraction: float, seeds: Sequence[int], validation_share: float) -> list[Split]:
    """Return each seed's rows; where the seed draws none, they are the same."""
    if fraction == 1 and rows.validation is not None:
        return [split(rows, fraction, seeds[0], validation_share)] * len(seeds)
    return [split(rows, fraction, seed, validation_share) for seed in seeds]


def split(rows: EmbeddedSet, fraction: float, seed: int, validation_share: float) -> Split:
    """Return rows standardised by the training rows, `fraction` of them, drawn by class.

    Raises:
        DataError: if there are too few to draw from.
    """
    training, validation = rows.training, rows.validation
    if validation is None:
        training, validation = _parted(training, 1 - validation_share, seed)
    if fraction < 1:
        training, _ = _parted(training, fraction, seed)
    standardiser = Standardiser.fit(training.rows.astype(np.float64))
    parts = (
        Part(standardiser(torch.from_numpy(part.rows).double()).float(), torch.from_numpy(part.labels))
        for part in (training, validation, rows.test)
    )
    return Split(*parts)


def _parted(rows: Embedded, share: float, seed: int) -> tuple[Embedded, Embedded]:
    """Return a share of the rows, and the others, both in their order."""
    try:
        some, others = train_test_split(
            np.arange(len(rows.labels)), train_size=share, stratify=rows.labels, random_state=seed
        )
    except ValueError as error:
        raise DataError(f"{len(rows.labels)} rows are too few to draw {share:g} of them by class: {error}") from error
    return rows.at(np.sort(some)), rows.at(np.sort(others))
