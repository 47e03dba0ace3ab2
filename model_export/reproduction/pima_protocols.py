"""What protocol makes a higher accuracy on Pima: a lucky split, imputation by class, and others that leak the answer.

Every method here has one setting, its usual one, so that nothing but the protocol changes.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold, train_test_split

from model_export.reproduction.classical import CLASSICAL
from model_export.reproduction.folds import VALIDATION_SHARE, Codes, Floats, Table, standardise
from model_export.reproduction.pima import BASE, pima
from model_export.reproduction.recipe import Recipe
from model_export.reproduction.records import CHAINZRULE, Experiment, Outcome, Record, Unit
from model_export.reproduction.stack import Job, train_stack
from model_export.training.schedule import Schedule

RECIPES: Mapping[str, Recipe] = {
    CHAINZRULE: Recipe(BASE.hidden_widths, dreg=Schedule(0.03)),
    "relu": Recipe(BASE.hidden_widths, activation="relu"),
}
"""Networks by name, ChainzRule as `chainzrule train pima` has it."""

SPLITS = 100
_REPEATS = 3
_QUICK = 10


class Case(NamedTuple):
    """One split of one version of the table."""

    repeat: int
    number: int
    table: Table
    learning: Codes
    test: Codes
    stops_by_test: bool = False
    """Whether the number of epochs is the best one for the test rows"""


def _splits(share: float, count: int) -> Iterator[Case]:
    table = pima()
    for seed in range(count):
        learning, test = train_test_split(
            np.arange(len(table.labels)), test_size=share, stratify=table.labels, random_state=seed
        )
        yield Case(seed, 0, table, learning, test)


def _folds(prepare: Callable[[Table], Table], count: int, *, stops_by_test: bool = False) -> Iterator[Case]:
    table = prepare(pima())
    for repeat in range(max(1, count * _REPEATS // SPLITS)):
        parts = StratifiedKFold(10, shuffle=True, random_state=repeat).split(table.rows, table.labels)
        for number, (learning, test) in enumerate(parts):
            yield Case(repeat, number, table, learning, test, stops_by_test)


def imputed_by_class(table: Table) -> Table:
    """Return the table with every gap filled by the median of the rows of the same class: it tells the answer."""
    frame = pd.DataFrame(table.rows)
    medians: Floats = frame.groupby(table.labels).transform("median").to_numpy()
    return Table(np.where(np.isnan(table.rows), medians, table.rows), table.labels)


def complete_rows(table: Table) -> Table:
    """Return the rows without a gap, about half of them: another, easier population."""
    return table.at(np.flatnonzero(~np.isnan(table.rows).any(axis=1)))


def unchanged(table: Table) -> Table:
    """Return the table."""
    return table


PROTOCOLS: Mapping[str, Callable[[int], Iterator[Case]]] = {
    "clean 10-fold": partial(_folds, unchanged),
    "one split, 154 rows to test on": partial(_splits, 154),
    "one split, 77 rows to test on": partial(_splits, 77),
    "gaps filled by class": partial(_folds, imputed_by_class),
    "complete rows only": partial(_folds, complete_rows),
    "epochs chosen on the test rows": partial(_folds, unchanged, stops_by_test=True),
}
"""By name: the splits, given how many there should be."""


def _networks(name: str, protocol: str, count: int) -> Outcome:
    jobs, tests, cases = [], [], list(PROTOCOLS[protocol](count))
    for number, case in enumerate(cases):
        if case.stops_by_test:
            training, validation = standardise(case.table, case.learning, case.test)
            test = validation
        else:
            kept, held_out = train_test_split(
                case.learning,
                test_size=VALIDATION_SHARE,
                stratify=case.table.labels[case.learning],
                random_state=number,
            )
            training, validation, test = standardise(case.table, kept, held_out, case.test)
        jobs.append(Job(RECIPES[name], number, training, validation))
        tests.append(test)
    records = []
    for case, trained, test in zip(cases, train_stack(jobs, 2), tests, strict=True):
        right = (trained.network(test.rows).argmax(1) == test.labels).float().mean().item()
        records.append(Record(name, 0, "accuracy", right, case.repeat, case.number, condition=protocol))
    return Outcome(records, {})


def _classical(name: str, protocol: str, count: int) -> Outcome:
    make, *_ = CLASSICAL[name]()
    records = []
    for case in PROTOCOLS[protocol](count):
        learning, test = case.table.at(case.learning), case.table.at(case.test)
        right = float((make().fit(*learning).predict(test.rows) == test.labels).mean())
        records.append(Record(name, 0, "accuracy", right, case.repeat, case.number, condition=protocol))
    return Outcome(records, {})


def _units(quick: bool) -> list[Unit]:
    count = _QUICK if quick else SPLITS
    units = []
    for protocol in PROTOCOLS:
        for name in (*RECIPES, *CLASSICAL):
            if name in RECIPES:
                run = partial(_networks, name, protocol, count)
            elif protocol == "epochs chosen on the test rows":
                continue
            else:
                run = partial(_classical, name, protocol, count)
            seconds = (0.3 if name in RECIPES else 0.1) * count
            units.append(Unit(f"{name}, {protocol}", {"splits": count}, seconds, run))
    return units


PIMA_PROTOCOLS = Experiment(
    title="Pima diabetes, by protocol",
    data="Pima Indians diabetes, 768 rows; 0 read as missing where a measurement cannot be 0",
    protocol=(
        f"{SPLITS} random splits, or {_REPEATS} × 10 folds; every method with its usual settings alone (ChainzRule's "
        f"those of `chainzrule train pima`), networks stopped early by {VALIDATION_SHARE:.0%} of the rows to learn from"
    ),
    units=_units,
)
