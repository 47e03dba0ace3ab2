"""Running an experiment: each unit is kept as it ends, so that it goes on where it stopped, several at once."""

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from model_export.reproduction.environment import environment
from model_export.reproduction.estimate import Estimate, in_words
from model_export.reproduction.records import Experiment, Outcome, Record, Unit
from model_export.reproduction.unit_files import is_kept, read_records, write

Catalogue = Callable[[], Mapping[str, Experiment]]

_TICK = 1.0
"""Seconds between two looks at the time left."""


def all_experiments() -> Mapping[str, Experiment]:
    """Return the experiments by name, from a module that loads all they need."""
    from model_export.reproduction.experiments import EXPERIMENTS  # noqa: PLC0415 - it may load this one

    return EXPERIMENTS


class _Done(NamedTuple):
    """A unit that was run: what it left behind, the seconds it took, and where."""

    unit: Unit
    outcome: Outcome
    seconds: float
    environment: Mapping[str, str]


def run_experiment(
    name: str, experiment: Experiment, folder: Path, *, quick: bool, jobs: int, console: Console
) -> pd.DataFrame:
    """Run the units that `folder` does not hold yet, and return the records of all.

    A unit is kept as `<name>/<unit>.csv` and `.json` in `folder`, and run again where its settings have changed. With
    one job it runs in this process; with more, in processes of their own that look the experiment up by its name.

    Args:
        name: of the experiment.
        experiment: it.
        folder: of all experiments' units.
        quick: whether to run the few units of a quick look.
        jobs: units that run at once, at least 1.
        console: shows the progress, as a bar where it is a terminal and else as a line for each unit.

    Returns:
        the columns of `Record`, and `unit`.

    Raises:
        ModelExportError: if a unit cannot be run, as where its data are not at hand; those that ended before are kept.
        KeyboardInterrupt: if it was interrupted; the same.
    """
    place = folder / name
    planned = experiment.units(quick)
    to_run = [unit for unit in planned if not is_kept(unit, place)]
    if to_run:
        done = _run_here(to_run) if jobs == 1 else _run_apart(name, to_run, quick, jobs)
        _keep(name, done, to_run, place, Estimate(sum(unit.seconds for unit in to_run), jobs), console)
    return kept_records(name, experiment, folder, quick=quick)


def kept_records(name: str, experiment: Experiment, folder: Path, *, quick: bool) -> pd.DataFrame:
    """Return the records of the units that `folder` holds and whose settings are those of now; it may be none."""
    place = folder / name
    frames = [read_records(unit.name, place) for unit in experiment.units(quick) if is_kept(unit, place)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*Record._fields, "unit"])


def _keep(
    name: str,
    done: Iterator[_Done | None],
    to_run: Sequence[Unit],
    place: Path,
    estimate: Estimate,
    console: Console,
) -> None:
    """Write each unit as it ends, and show how far it is; None is a look at the clock."""

    def said(since: float = 0.0) -> str:
        return f"{ended} of {len(to_run)} units, about {in_words(estimate.left(since))} left"

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"))
    ended, last = 0, time.monotonic()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=sum(unit.seconds for unit in to_run), said=said())
        for one in done:
            if one is None:
                progress.update(task, said=said(time.monotonic() - last))
                continue
            write(one.unit, one.outcome, one.seconds, one.environment, place)
            estimate.done(one.unit.seconds, one.seconds)
            ended, last = ended + 1, time.monotonic()
            progress.update(task, advance=one.unit.seconds, said=said())
            if not console.is_terminal:
                console.print(f"{name}: {said()}", soft_wrap=True)


def _run_here(units: Sequence[Unit]) -> Iterator[_Done]:
    for unit in units:
        outcome, seconds, where = _timed(unit)
        yield _Done(unit, outcome, seconds, where)


def _run_apart(name: str, units: Sequence[Unit], quick: bool, jobs: int) -> Iterator[_Done | None]:
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_begin)
    waiting, running = list(units), dict[Future[tuple[Outcome, float, dict[str, str]]], Unit]()
    try:
        while waiting or running:
            # No more than can run: what is submitted cannot be taken back, and the order is to be kept.
            while waiting and len(running) < jobs:
                unit = waiting.pop(0)
                running[pool.submit(_run_by_name, all_experiments, name, unit.name, quick)] = unit
            ended, _ = wait(running, timeout=_TICK, return_when=FIRST_COMPLETED)
            yield from (_Done(running.pop(future), *future.result()) for future in ended)
            yield None
    finally:
        # After a failure or an interruption what still runs is not waited for: that could be hours.
        for process in set(multiprocessing.active_children()) - before if running else ():
            process.kill()
        pool.shutdown()


def _begin() -> None:
    """Make a process fit to run units: on one core, and interrupted by its parent alone."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run_by_name(catalogue: Catalogue, name: str, unit: str, quick: bool) -> tuple[Outcome, float, dict[str, str]]:
    return _timed(_units(catalogue, name, quick)[unit])


@cache
def _units(catalogue: Catalogue, name: str, quick: bool) -> dict[str, Unit]:
    """Return the units by name; kept, so that what they share is loaded once in a process."""
    return {unit.name: unit for unit in catalogue()[name].units(quick)}


def _timed(unit: Unit) -> tuple[Outcome, float, dict[str, str]]:
    start = time.perf_counter()
    outcome = unit.run()
    return outcome, time.perf_counter() - start, environment()
