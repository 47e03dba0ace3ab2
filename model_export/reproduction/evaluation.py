"""The paper's evaluation from its runs to its report."""

from collections.abc import Collection
from pathlib import Path

from rich.console import Console

from model_export.errors import ModelExportError
from model_export.reproduction.report import RUNS, write_report
from model_export.reproduction.runs import all_experiments, kept_records, run_experiment

INTERRUPTED = "interrupted; the same command goes on from there"


def run_and_report(names: Collection[str], output: Path, *, quick: bool, jobs: int, console: Console) -> dict[str, str]:
    """Run the experiments called `names`, and report on every one of which there are records.

    An experiment that cannot be run does not stop the others. An interruption ends the running, and what there is
    is reported.

    Args:
        names: of experiments.
        output: the report's folder, which holds the runs too.
        quick: whether it is but a quick look.
        jobs: units that run at once.
        console: shows the progress.

    Returns:
        by experiment, why it was not run to its end.
    """
    failed: dict[str, str] = {}
    folder = output / RUNS
    try:
        for name, experiment in all_experiments().items():
            if name in names:
                try:
                    run_experiment(name, experiment, folder, quick=quick, jobs=jobs, console=console)
                except ModelExportError as error:
                    failed[name] = str(error)
    except KeyboardInterrupt:
        failed[name] = INTERRUPTED
    frames = {}
    for name, experiment in all_experiments().items():
        try:
            frames[name] = kept_records(name, experiment, folder, quick=quick)
        except ModelExportError as error:
            failed.setdefault(name, str(error))
    write_report(frames, failed, output, quick=quick)
    return failed
