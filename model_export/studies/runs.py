"""Running a study: one file a run, so that it goes on where it stopped."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import torch
from rich.progress import track

from model_export.studies.reliability import ACTIVATIONS, run

KINDS = ("score", "window")


def run_all(names: Sequence[str], seeds: int, folder: Path) -> dict[str, pd.DataFrame]:
    """Run what `folder` does not hold yet, and return all records by kind, "score" and "window".

    Args:
        names: of the data sets, as `STUDIES` has them.
        seeds: 0 to seeds − 1 are run.
        folder: holds a file for each run; remove it to start anew.
    """
    folder.mkdir(parents=True, exist_ok=True)
    planned = [(name, seed, activation) for name in names for seed in range(seeds) for activation in ACTIVATIONS]
    # Small networks: more threads only fight each other.
    torch.set_num_threads(1)
    for plan in track(planned, description="runs"):
        _run_once(plan, folder)
    return {kind: pd.concat(_read(planned, folder, kind), ignore_index=True) for kind in KINDS}


def _file(plan: tuple[str, int, str], folder: Path, kind: str) -> Path:
    name, seed, activation = plan
    return folder / f"{name}-{activation}-{seed}-{kind}.csv"


def _run_once(plan: tuple[str, int, str], folder: Path) -> None:
    if _file(plan, folder, KINDS[-1]).exists():
        return
    records = pd.DataFrame(run(*plan), columns=["kind", "record"])
    for kind in KINDS:
        found = records.loc[records["kind"] == kind, "record"]
        target = _file(plan, folder, kind)
        pd.DataFrame(list(found)).to_csv(target.with_suffix(".part"), index=False)
        target.with_suffix(".part").rename(target)


def _read(planned: Sequence[tuple[str, int, str]], folder: Path, kind: str) -> Iterator[pd.DataFrame]:
    return (pd.read_csv(_file(plan, folder, kind)) for plan in planned)
