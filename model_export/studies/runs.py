"""Running a study: files for each run, so that it goes on where it stopped."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from rich.progress import track

from model_export.studies.reliability import ACTIVATIONS, run
from model_export.studies.rows import Rows

KINDS = ("score.csv", "window.csv", "rows.npz")


class Records(NamedTuple):
    """What all runs have left behind."""

    scores: pd.DataFrame
    """a row for each confidence on each shift in each run"""
    windows: pd.DataFrame
    """a row for each shift in each run"""
    rows: Callable[[str, str], list[Rows]]
    """by data set and activation: one for each seed, read when asked for"""

    def distinct_rows(self, name: str, activation: str) -> int:
        """Return the number of different unshifted test rows over all seeds."""
        return len(np.unique(np.concatenate([rows.identity[rows.unshifted] for rows in self.rows(name, activation)])))


def run_all(names: Sequence[str], seeds: int, folder: Path) -> Records:
    """Run what `folder` does not hold yet, and return all records.

    Args:
        names: of the data sets, as `STUDIES` has them.
        seeds: 0 to seeds − 1 are run.
        folder: holds the files of each run; remove it to start anew.
    """
    folder.mkdir(parents=True, exist_ok=True)
    planned = [(name, seed, activation) for name in names for seed in range(seeds) for activation in ACTIVATIONS]
    # Small networks: more threads only fight each other.
    torch.set_num_threads(1)
    for plan in track(planned, description="runs"):
        _run_once(plan, folder)
    scores, windows = (
        pd.concat([pd.read_csv(_file(plan, folder, kind)) for plan in planned], ignore_index=True) for kind in KINDS[:2]
    )

    def rows(name: str, activation: str) -> list[Rows]:
        return [Rows.load(_file((name, seed, activation), folder, "rows.npz")) for seed in range(seeds)]

    return Records(scores, windows, rows)


def _file(plan: tuple[str, int, str], folder: Path, kind: str) -> Path:
    name, seed, activation = plan
    return folder / f"{name}-{activation}-{seed}-{kind}"


def _run_once(plan: tuple[str, int, str], folder: Path) -> None:
    score, window, rows = (_file(plan, folder, kind) for kind in KINDS)
    if score.exists() and window.exists() and rows.exists():
        return
    outcome = run(*plan)
    parts = [file.with_suffix(".part") for file in (score, window, rows)]
    pd.DataFrame(outcome.scores).to_csv(parts[0], index=False)
    pd.DataFrame(outcome.windows).to_csv(parts[1], index=False)
    outcome.rows.save(parts[2])
    for part, file in zip(parts, (score, window, rows), strict=True):
        part.rename(file)
