from functools import partial
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from model_export import commands
from model_export.reproduction import experiments
from model_export.reproduction.evaluation import INTERRUPTED, run_and_report
from model_export.reproduction.records import Outcome
from tests.model_export.reproduction.made_up_experiments import all_experiments, experiment, outcome

runner = CliRunner()


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiments, "EXPERIMENTS", all_experiments())


def reported(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "records.csv")


def stop() -> Outcome:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("made_up")
def test_one_that_lacks_its_data_does_not_stop_the_others(tmp_path: Path) -> None:
    result = runner.invoke(commands.app, ["reproduce", "--output", str(tmp_path), "--jobs", "1"])
    assert result.exit_code == 1
    assert "--  lacking: the made-up data are not at hand" in result.output
    assert f"written to {tmp_path}" in result.output
    assert reported(tmp_path).groupby("experiment")["unit"].nunique().to_dict() == {"lacking": 1, "made-up": 5}
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "- lacking: 1 of 3 units, which is 1 seed and fewer than planned: the made-up data are not at hand" in text


@pytest.mark.usefixtures("made_up")
def test_a_quick_look_goes_to_a_folder_of_its_own(tmp_path: Path) -> None:
    result = runner.invoke(commands.app, ["reproduce", "made-up", "--quick", "--output", str(tmp_path), "--jobs", "1"])
    assert result.exit_code == 0
    assert [file.name for file in tmp_path.iterdir()] == ["quick"]
    assert reported(tmp_path / "quick")["unit"].nunique() == 2
    assert "**A quick look" in (tmp_path / "quick" / "README.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("made_up")
def test_an_unknown_task_is_refused_with_the_names_of_those_there_are(tmp_path: Path) -> None:
    result = runner.invoke(commands.app, ["reproduce", "made-up", "iris", "--output", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert "no task is called iris; there are made-up, lacking" in result.stderr
    assert not (tmp_path / "none").exists()


def test_what_was_run_before_stands_in_the_report_too_and_an_interruption_reports_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {"first": experiment(), "second": experiment([partial(outcome, 0), stop]), "third": experiment()}
    monkeypatch.setattr(experiments, "EXPERIMENTS", made)
    console = Console(file=StringIO())
    assert run_and_report(["first"], tmp_path, quick=False, jobs=1, console=console) == {}
    failed = run_and_report(["second", "third"], tmp_path, quick=False, jobs=1, console=console)
    assert failed == {"second": INTERRUPTED}
    assert reported(tmp_path).groupby("experiment")["unit"].nunique().to_dict() == {"first": 5, "second": 1}
