"""Repeated cross-validation of networks and of classical methods on a table, by one protocol.

In every fold each contender has `BUDGET` candidates (or fewer, where it comes with settings of its own). They learn
from 85 % of the fold's rows; the one with the least log loss on the other 15 % learns anew from all of them, a network
for as many epochs as were best, and is tested once.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from model_export.reproduction.classical import Candidates, log_loss_of
from model_export.reproduction.folds import Fold, Table, standardise
from model_export.reproduction.measures import measure
from model_export.reproduction.polynomial_curves import polynomial_records
from model_export.reproduction.recipe import Recipe
from model_export.reproduction.records import Outcome, Record
from model_export.reproduction.stack import Job, drawn, train_stack

_AT_ONCE = 100
"""Networks side by side: more save no time, and take more memory."""


def cross_validate_networks(
    name: str, recipes: Sequence[Recipe], table: Table, folds: Sequence[Fold], *, fraction: float, condition: str = ""
) -> Outcome:
    """Return a network's records in every fold, and which candidates were chosen how often."""
    classes = int(table.labels.max()) + 1
    searches = []
    for number, fold in enumerate(folds):
        training, validation = standardise(table, fold.training, fold.validation)
        searches += [Job(recipe, number, training, validation) for recipe in recipes]
    losses, epochs = [], []
    for start in range(0, len(searches), _AT_ONCE):
        for trained in train_stack(searches[start : start + _AT_ONCE], classes):
            losses.append(trained.validation_loss)
            epochs.append(max(trained.epochs, 1))
    best = np.reshape(losses, (len(folds), len(recipes))).argmin(1)
    finals, tests = [], []
    for number, (fold, chosen) in enumerate(zip(folds, best.tolist(), strict=True)):
        learning, test = standardise(table, fold.learning, fold.test)
        recipe = replace(recipes[chosen], max_epochs=epochs[number * len(recipes) + chosen])
        finals.append(Job(recipe, number, learning))
        tests.append(test)
    records: list[Record] = []
    finished = train_stack(finals, classes)
    for fold, trained, test in zip(folds, finished, tests, strict=True):
        where: dict[str, Any] = {"seed": fold.repeat, "fold": fold.number, "fraction": fraction, "condition": condition}
        records += measure(name, trained.network, test, **where)
    counts = np.bincount(best, minlength=len(recipes)).tolist()
    if recipes[0].activation == "polynomial" and not condition:
        records += polynomial_records(name, finished[0].network, drawn(finals[0], classes))
    notes = [{**recipe.settings, "folds": count} for recipe, count in zip(recipes, counts, strict=True)]
    return Outcome(records, {"candidates": notes, "epochs": [job.recipe.max_epochs for job in finals]})


def cross_validate_classical(
    name: str, candidates: Candidates, table: Table, folds: Sequence[Fold], *, fraction: float, condition: str = ""
) -> Outcome:
    """Return a classical method's records in every fold, and which candidates were chosen how often."""
    records: list[Record] = []
    counts = np.zeros(len(candidates), dtype=int)
    for fold in folds:
        training, validation, learning, test = map(table.at, (fold.training, fold.validation, fold.learning, fold.test))
        losses = (
            [
                log_loss_of(make().fit(*training).predict_proba(validation.rows), validation.labels)
                for make in candidates
            ]
            if len(candidates) > 1
            else [0.0]
        )
        chosen = int(np.argmin(losses))
        counts[chosen] += 1
        probabilities: Any = candidates[chosen]().fit(*learning).predict_proba(test.rows)
        where: dict[str, Any] = {"seed": fold.repeat, "fold": fold.number, "fraction": fraction, "condition": condition}
        accuracy = float((probabilities.argmax(1) == test.labels).mean())
        records += [
            Record(name, 0, "accuracy", accuracy, **where),
            Record(name, 0, "log loss", log_loss_of(probabilities, test.labels), **where),
        ]
    return Outcome(records, {"folds by candidate": counts.tolist()})
