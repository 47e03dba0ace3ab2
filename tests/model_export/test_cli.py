import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from model_export import commands
from model_export.card import card
from model_export.errors import DataNotFoundError
from model_export.graph.finding import Finding
from model_export.tasks import TASKS, TableTask
from model_export.tasks.sst5 import SST5
from model_export.tasks.text_set import Texts, TextSet
from service.inputs import TextInput
from service.version_folder import read_manifest
from tests.conftest import Exported
from tests.service.made_images import image_input

runner = CliRunner()


def test_inspect_shows_the_card(exported: Exported) -> None:
    result = runner.invoke(commands.app, ["inspect", str(exported.folder)], env={"COLUMNS": "120"})
    assert result.exit_code == 0
    for words in ("plant version 1", "dense 16 → 12", "flow rate", "L/h", "accuracy", "constant 0.00316"):
        assert words in result.output


def test_the_card_says_what_each_level_promises_and_which_there_is_none_for(exported: Exported) -> None:
    manifest = read_manifest(exported.folder)
    thresholds = manifest.reference.thresholds
    none = thresholds.review.model_copy(update={"score": None, "coverage": 0.0, "observed_risk": None})
    reference = manifest.reference.model_copy(update={"thresholds": thresholds.model_copy(update={"review": none})})
    console = Console(width=200)
    with console.capture() as capture:
        console.print(card(manifest.model_copy(update={"reference": reference})))
    shown = capture.get()
    assert "never: no level could be promised (at most 10 % wrong, 90 % sure) by 90 rows" in shown
    assert f"reliability ≥ {thresholds.reject.score:.4f} (at most 30 % wrong, 90 % sure): " in shown
    assert "typicality ≤ 0.01 (false alarms at most 1 % of rows like the calibration rows)" in shown


def test_what_stands_in_brackets_is_shown_as_it_is(exported: Exported) -> None:
    manifest = read_manifest(exported.folder)
    first, *others = manifest.table.features
    features = (first.model_copy(update={"name": "temp[c]", "unit": "mol[/L]"}), *others)
    renamed = manifest.model_copy(update={"input": manifest.input.model_copy(update={"features": features})})
    with commands.console.capture() as capture:
        commands.console.print(card(renamed), width=200)
    assert "temp[c]" in capture.get()
    assert "mol[/L]" in capture.get()
    result = runner.invoke(commands.app, ["inspect", "/no[/x]"])
    assert "/no[/x]" in result.stderr


def test_the_card_of_levels_says_how_far_off_they_are(ordinal: Exported, exported: Exported) -> None:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(card(read_manifest(ordinal.folder)))
    off = read_manifest(ordinal.folder).evaluation.mean_absolute_error
    assert f"{off:.3f} levels off on average, log loss" in capture.get()
    with console.capture() as capture:
        console.print(card(read_manifest(exported.folder)))
    assert "levels off" not in capture.get()


def test_the_card_of_other_models_says_what_they_take(exported: Exported) -> None:
    manifest = read_manifest(exported.folder)
    text = TextInput(encoder="small, mean, int8", dimensions=384, max_tokens=128, padding=0, example="Not [so] bad.")
    for taken, words in (
        (text, ["Not [so] bad.", "128 tokens", "small, mean, int8, 384 dimensions"]),
        (image_input("RGB", "crop"), ["8 × 6 (width × height) │ crop", "green", "120 ± 64"]),
    ):
        with commands.console.capture() as capture:
            commands.console.print(card(manifest.model_copy(update={"input": taken})), width=200)
        shown = capture.get()
        for word in words:
            assert word in shown


def test_verify_reports_each_finding(exported: Exported) -> None:
    result = runner.invoke(commands.app, ["verify", str(exported.folder)])
    assert result.exit_code == 0
    assert result.output.count("ok  ") == 6


def test_verify_marks_what_it_could_not_check(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    findings = [Finding("this holds"), Finding("that could not be checked", checked=False)]
    monkeypatch.setattr(commands, "check_folder", lambda _: iter(findings))
    result = runner.invoke(commands.app, ["verify", str(exported.folder)])
    assert result.exit_code == 0
    assert result.output.splitlines() == ["ok  this holds", "--  that could not be checked"]


@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_a_folder_that_is_no_version_is_refused_in_a_sentence(command: str, tmp_path: Path) -> None:
    result = runner.invoke(commands.app, [command, str(tmp_path)])
    assert result.exit_code == 1
    assert "has no manifest.json" in result.stderr
    assert "Traceback" not in result.output


def test_train_names_the_tasks_it_knows(tmp_path: Path) -> None:
    result = runner.invoke(commands.app, ["train", "iris", "--repository", str(tmp_path)])
    assert result.exit_code == 1
    assert "no task is called 'iris'; there are pima" in result.stderr


def test_train_reports_data_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> Path:
        raise DataNotFoundError("Pima diabetes is not at hand")

    monkeypatch.setattr(TableTask, "export", missing)
    result = runner.invoke(commands.app, ["train", "pima", "--repository", str(tmp_path)])
    assert result.exit_code == 1
    assert "Pima diabetes is not at hand" in result.stderr
    assert not list(tmp_path.iterdir())


def test_study_names_the_data_sets_it_knows_and_the_file_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = runner.invoke(commands.app, ["study", "--sets", "pima,iris", "--output", str(tmp_path)])
    assert result.exit_code == 1
    assert "no data set is called iris; there are pima, sst5, mnist" in result.stderr
    monkeypatch.setenv("CHAINZRULE_DATA", str(tmp_path))
    result = runner.invoke(commands.app, ["study", "--sets", "mnist", "--output", str(tmp_path)])
    assert result.exit_code == 1
    assert "put mnist/train-images-idx3-ubyte.gz" in result.stderr


def chainzrule(*arguments: str, without: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, as if the module `without` were not installed."""
    hide = f"import sys; sys.modules[{without!r}] = None; " if without else ""
    program = f"{hide}from model_export.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("command", ["train", "verify", "inspect", "--help"])
def test_without_torch_the_offline_commands_say_which_extra_to_install(command: str) -> None:
    result = chainzrule(command, without="torch")
    assert result.returncode == 1
    assert "torch is missing" in result.stderr
    assert "pip install 'chainzrule[export]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_without_torch_serve_still_runs() -> None:
    result = chainzrule("serve", "--help", without="torch")
    assert result.returncode == 0
    assert "usage: chainzrule serve" in result.stdout
    assert "--repository" in result.stdout


def test_help_lists_every_command() -> None:
    result = chainzrule("--help")
    assert result.returncode == 0
    for command in ("train", "verify", "inspect", "serve"):
        assert command in result.stdout


def test_without_transformers_only_texts_cannot_be_trained_on() -> None:
    assert chainzrule("inspect", "--help", without="transformers").returncode == 0
    result = chainzrule("train", "sst5", without="transformers")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("option", [["--int8"], ["--pooling", "cls"], ["--encoder", "folder"]])
def test_an_encoder_is_of_no_use_to_a_table(option: list[str]) -> None:
    result = runner.invoke(commands.app, ["train", "pima", *option])
    assert result.exit_code == 1
    assert "pima takes no texts" in result.stderr


def test_a_folder_that_holds_no_encoder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    none = Texts([], np.empty(0, np.int64))
    texts = TextSet(Texts(["good", "bad"], np.array([0, 1])), none, none, "2 texts")
    monkeypatch.setitem(TASKS, "sst5", replace(SST5, load=lambda: texts))
    folder = tmp_path / "no encoder"
    result = runner.invoke(commands.app, ["train", "sst5", "--encoder", str(folder), "--repository", str(tmp_path)])
    assert result.exit_code == 1
    assert str(folder) in result.stderr
