"""The paper's table: Pima diabetes, by ten times tenfold cross-validation."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial

import numpy as np

from model_export.reproduction.classical import CLASSICAL, MODERN, Candidates, installed
from model_export.reproduction.contender import NETWORKS, Contender
from model_export.reproduction.cross_validation import cross_validate_classical, cross_validate_networks
from model_export.reproduction.folds import Table, folds
from model_export.reproduction.recipe import Recipe
from model_export.reproduction.records import Experiment, Outcome, Unit
from model_export.reproduction.selection import BUDGET, candidates
from model_export.tasks.pima import UNITS, load_pima

FRACTIONS = (1.0, 0.05, 0.1, 0.25, 0.5)
REPEATS = 10
_FEW_REPEATS = 3
"""Of methods that take seconds for each of the folds, and of what has fewer rows than all to learn from."""

_QUICK_REPEATS = 1

BASE = Recipe((64, 64))

_SPECTRAL = Contender("relu", dreg=False, spectral=True)


@cache
def pima() -> Table:
    """Return the table."""
    frame = load_pima()
    return Table(frame[list(UNITS)].to_numpy(np.float64), frame["Outcome"].to_numpy(np.int64))


def _network(contender: Contender, recipes: Sequence[Recipe], fraction: float, repeats: int) -> Outcome:
    table = pima()
    every = list(folds(table.labels, repeats, fraction))
    return cross_validate_networks(contender.name, recipes, table, every, fraction=fraction)


def _classical(name: str, make: Callable[[], Candidates], fraction: float, repeats: int) -> Outcome:
    table = pima()
    every = list(folds(table.labels, repeats, fraction))
    return cross_validate_classical(name, make(), table, every, fraction=fraction)


def _units(quick: bool) -> list[Unit]:
    if quick:
        return [unit for fraction in (1.0, 0.1) for unit in _at(fraction, _QUICK_REPEATS, slow=False)]
    return [unit for fraction in FRACTIONS for unit in _at(fraction, REPEATS, slow=fraction == 1)]


def _at(fraction: float, repeats: int, *, slow: bool) -> Iterator[Unit]:
    few = min(repeats, _FEW_REPEATS)
    usual = repeats if fraction == 1 else few
    networks = dict.fromkeys(NETWORKS, usual)
    methods = {name: (make, usual) for name, make in CLASSICAL.items()}
    if slow:
        networks[_SPECTRAL] = few
        methods |= {name: (make, few) for name, (package, make) in MODERN.items() if installed(package)}
    for contender, count in networks.items():
        recipes = candidates(contender, BASE)
        yield Unit(
            f"{contender.name} {fraction:g}",
            {"repeats": count, "fraction": fraction, "candidates": [recipe.settings for recipe in recipes]},
            (15.0 if contender.activation == "polynomial" else 7.0) * fraction**0.5 * count,
            partial(_network, contender, recipes, fraction, count),
        )
    for name, (make, count) in methods.items():
        yield Unit(
            f"{name} {fraction:g}",
            {"repeats": count, "fraction": fraction},
            5.0 * fraction**0.5 * count,
            partial(_classical, name, make, fraction, count),
        )


PIMA = Experiment(
    title="Pima diabetes",
    data="Pima Indians diabetes, 768 rows; 0 read as missing where a measurement cannot be 0",
    protocol=(
        f"{REPEATS} × 10-fold cross-validation; in each fold {BUDGET} candidate settings for every method, chosen by "
        "log loss on 15 % of the fold's rows, then fitted to all of them; filling and standardising fitted within the "
        "fold. RealMLP comes with settings of its own; it, KAN and spectral ReLU, which are slow, have the first "
        f"{_FEW_REPEATS} repeats, as has whatever learns from less than all rows. The candidates' range was set on the "
        "460 rows that `chainzrule train pima` trains on"
    ),
    units=_units,
)
