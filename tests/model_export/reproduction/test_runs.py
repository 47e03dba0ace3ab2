import json
import os
from functools import partial
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from model_export.errors import DataNotFoundError
from model_export.reproduction import runs
from model_export.reproduction.records import Experiment, Outcome, Record
from model_export.reproduction.runs import kept_records, run_experiment
from model_export.reproduction.unit_files import read_origin
from tests.model_export.reproduction.made_up_experiments import all_experiments, experiment, missing, outcome


def run(made: Experiment, folder: Path, *, quick: bool = False, jobs: int = 1, name: str = "made-up") -> pd.DataFrame:
    return run_experiment(name, made, folder, quick=quick, jobs=jobs, console=Console(file=StringIO()))


def never() -> Outcome:
    raise AssertionError("this unit was kept")


def interrupted() -> Outcome:
    raise KeyboardInterrupt


def test_records_come_back_with_their_unit_and_what_explains_them_is_kept(tmp_path: Path) -> None:
    frame = run(experiment(), tmp_path)
    assert frame.columns.tolist() == [*Record._fields, "unit"]
    assert frame["unit"].nunique() == 5
    assert frame[frame["contender"] == "ChainzRule"]["value"].tolist() == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9])
    assert (frame["condition"] == "").all()
    origin = read_origin("seed-3", tmp_path / "made-up")
    assert origin is not None
    assert origin.settings == {"seed": 3, "with": "usual"}
    assert origin.notes == {"process": os.getpid()}
    assert origin.seconds >= 0
    assert "torch" in origin.environment


def test_a_kept_unit_is_not_run_again(tmp_path: Path) -> None:
    first = run(experiment(), tmp_path)
    again = run(experiment([never] * 5), tmp_path)
    pd.testing.assert_frame_equal(first, again)


def test_a_unit_whose_settings_differ_is_run_again_and_its_old_records_are_not_taken(tmp_path: Path) -> None:
    run(experiment([partial(outcome, 1)] * 2), tmp_path)
    changed = experiment([partial(outcome, 3)] * 2, settings="others")
    assert kept_records("made-up", changed, tmp_path, quick=False).empty
    assert run(changed, tmp_path)["value"].max() == pytest.approx(0.8)


def test_an_interruption_leaves_whole_units_alone_and_it_goes_on_from_there(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(experiment([partial(outcome, 0), interrupted, partial(outcome, 2)]), tmp_path)
    assert sorted(file.name for file in (tmp_path / "made-up").iterdir()) == ["seed-0.csv", "seed-0.json"]
    assert run(experiment([never, partial(outcome, 1), partial(outcome, 2)]), tmp_path)["unit"].nunique() == 3


def test_records_without_their_origin_are_of_a_unit_that_is_not_whole(tmp_path: Path) -> None:
    run(experiment([partial(outcome, 0)]), tmp_path)
    (tmp_path / "made-up" / "seed-0.json").unlink()
    assert run(experiment([partial(outcome, 4)]), tmp_path)["value"].max() == pytest.approx(0.9)


def test_what_cannot_be_run_is_said_and_what_ended_before_is_kept(tmp_path: Path) -> None:
    made = experiment([partial(outcome, 0), missing])
    with pytest.raises(DataNotFoundError, match="not at hand"):
        run(made, tmp_path)
    assert kept_records("made-up", made, tmp_path, quick=False)["unit"].unique().tolist() == ["seed-0"]


def test_several_units_run_at_once_in_processes_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "all_experiments", all_experiments)
    apart, here = run(experiment(), tmp_path / "apart", jobs=2), run(experiment(), tmp_path / "here")
    pd.testing.assert_frame_equal(apart, here)
    notes = [json.loads(file.read_text())["notes"]["process"] for file in (tmp_path / "apart/made-up").glob("*.json")]
    assert len(notes) == 5
    assert os.getpid() not in notes
    with pytest.raises(DataNotFoundError, match="not at hand"):
        run(all_experiments()["lacking"], tmp_path, jobs=2, name="lacking")


def test_a_log_says_how_far_it_is(tmp_path: Path) -> None:
    shown = StringIO()
    run_experiment("made-up", experiment(), tmp_path, quick=True, jobs=1, console=Console(file=shown))
    lines = shown.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines] == ["made-up: 1 of 2 units", "made-up: 2 of 2 units"]
    assert lines[-1].endswith("about 0:00:00 left")


def test_a_terminal_shows_a_bar(tmp_path: Path) -> None:
    shown = StringIO()
    console = Console(file=shown, force_terminal=True, width=100)
    run_experiment("made-up", experiment(), tmp_path, quick=True, jobs=1, console=console)
    assert "2 of 2 units, about 0:00:00 left" in shown.getvalue()
