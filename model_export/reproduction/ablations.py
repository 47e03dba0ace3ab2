"""What each part of the recipe does: one thing is changed at a time, and nothing is chosen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from model_export.reproduction.folds import VALIDATION_SHARE, folds, standardise
from model_export.reproduction.frozen import split
from model_export.reproduction.measures import measure
from model_export.reproduction.pima import pima
from model_export.reproduction.recipe import Recipe
from model_export.reproduction.records import CHAINZRULE, Experiment, Outcome, Record, Unit
from model_export.reproduction.sst5 import SENTENCES_TASK, load_sentences
from model_export.reproduction.stack import Job, Part, train_stack
from model_export.training.schedule import Schedule

SCARCE = 0.1
"""The share of the training rows that stands for little data."""

_REPEATS, _SEEDS = 2, 3

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "usual": {},
    **{f"DREG {weight:g}": {"dreg": Schedule(weight)} for weight in (0.0, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1)},
    **{
        f"DREG {schedule}": {"dreg": schedule}
        for schedule in (
            Schedule(1e-1, 1e-3, "linear"),
            Schedule(1e-3, 1e-1, "linear"),
            Schedule(1e-1, 1e-3, "cosine"),
            Schedule(1e-3, 1e-1, "cosine"),
        )
    },
    **{f"degree {degree}": {"degree": degree} for degree in (1, 2, 4, 5)},
    **{f"curvature {curvature:g}": {"curvature": curvature} for curvature in (0.0, 0.1, 0.5, 1.0)},
    "one polynomial a layer": {"shared": True},
    **{
        f"widths {'-'.join(map(str, widths))}": {"hidden_widths": widths}
        for widths in ((16,), (64,), (256,), (16, 16), (256, 256), (64, 64, 64), (64, 64, 64, 64))
    },
}
"""What is changed of the recipe, by name."""


_QUICK = ("usual", "DREG", "degree")
"""How the names begin of what a quick look varies, on the smaller data."""


class _Case(NamedTuple):
    training: Part
    validation: Part
    test: Part
    seed: int
    fold: int = 0


def _pima(fraction: float, count: int) -> Sequence[_Case]:
    table = pima()
    cases = []
    for fold in folds(table.labels, count, fraction):
        training, validation, test = standardise(table, fold.training, fold.validation, fold.test)
        cases.append(_Case(training, validation, test, fold.repeat, fold.number))
    return cases


def _sst5(fraction: float, count: int) -> Sequence[_Case]:
    rows = load_sentences(False)
    return [_Case(*split(rows, fraction, seed, VALIDATION_SHARE), seed) for seed in range(count)]


class _Setting(NamedTuple):
    cases: Callable[[float, int], Sequence[_Case]]
    usual: Recipe
    classes: int
    repeats: int
    """Repeats of the cross-validation, or seeds"""

    seconds: float


SETTINGS: Mapping[str, _Setting] = {
    "Pima": _Setting(_pima, Recipe((64, 64), dreg=Schedule(0.03)), 2, _REPEATS, 4.0),
    "SST-5": _Setting(_sst5, replace(SENTENCES_TASK.base, learning_rate=3e-4, dreg=Schedule(0.03)), 5, _SEEDS, 5.0),
}
"""By the name of their data: cases by fraction and count, and the recipe that is varied."""


def _run(data: str, variant: str, count: int) -> Outcome:
    setting = SETTINGS[data]
    recipe = replace(setting.usual, **VARIANTS[variant])
    records: list[Record] = []
    for fraction in (1.0, SCARCE):
        cases = setting.cases(fraction, count)
        jobs = [Job(recipe, number, case.training, case.validation) for number, case in enumerate(cases)]
        for case, trained in zip(cases, train_stack(jobs, setting.classes), strict=True):
            where: dict[str, Any] = {"seed": case.seed, "fold": case.fold}
            records += measure(
                CHAINZRULE, trained.network, case.test, fraction=fraction, condition=f"{data}: {variant}", **where
            )
    return Outcome(records, {})


def _units(quick: bool) -> list[Unit]:
    return [
        Unit(
            f"{data}, {variant}",
            {"recipe": replace(setting.usual, **changes).settings, "count": 1 if quick else setting.repeats},
            setting.seconds * (1 if quick else setting.repeats),
            partial(_run, data, variant, 1 if quick else setting.repeats),
        )
        for data, setting in SETTINGS.items()
        for variant, changes in VARIANTS.items()
        if not quick or (data == "Pima" and variant.startswith(_QUICK))
    ]


ABLATIONS = Experiment(
    title="Ablations",
    data="Pima, and SST-5's sentences on the frozen encoder",
    protocol=(
        f"One thing changed at a time, nothing chosen; Pima {_REPEATS} × 10 folds, SST-5 {_SEEDS} seeds on its "
        f"own test rows; all of the training rows, and {SCARCE:.0%} of them"
    ),
    units=_units,
)
