"""Experiments that cost nothing, found by name from another process too."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from model_export.errors import DataNotFoundError
from model_export.reproduction.records import Experiment, Outcome, Record, Unit


def outcome(seed: int) -> Outcome:
    """Return a made-up unit's outcome, with the process that ran it among its notes."""
    records = [Record("ChainzRule", 10, "accuracy", 0.5 + seed / 10, seed), Record("relu", 8, "accuracy", 0.5, seed)]
    return Outcome(records, {"process": os.getpid()})


def missing() -> Outcome:
    raise DataNotFoundError("the made-up data are not at hand")


def units(quick: bool, runs: Sequence[Callable[[], Outcome]] = (), settings: str = "usual") -> list[Unit]:
    """Return five units, or two quick ones."""
    made = runs or [partial(outcome, seed) for seed in range(2 if quick else 5)]
    return [Unit(f"seed-{seed}", {"seed": seed, "with": settings}, 2.0, run) for seed, run in enumerate(made)]


def experiment(runs: Sequence[Callable[[], Outcome]] = (), settings: str = "usual") -> Experiment:
    return Experiment("Made up", "3 rows", "None.", partial(units, runs=runs, settings=settings))


def all_experiments() -> Mapping[str, Experiment]:
    """Return the experiments as a process of its own finds them."""
    return {"made-up": experiment(), "lacking": experiment([partial(outcome, 0), missing, partial(outcome, 2)])}
