"""`chainzrule train --data` as people type it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from model_export import commands
from model_export.errors import DataError
from model_export.graph.folder_check import check_folder
from model_export.own_data import command, memory, text_column, training
from model_export.own_data.plan import TablePlan
from model_export.text.graph import EncoderGraph
from model_export.training import ChainzRuleClassifier, ChainzRuleRegressor
from service.inference.model import Model
from service.inputs import ImageInput, TextInput
from service.version_folder import read_manifest
from tests.model_export.text.tiny_encoder import WORDS
from tests.own_table import make_loans

runner = CliRunner()


@pytest.fixture(autouse=True)
def _quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that learn little in little time, no hub, and a cache of one's own."""
    monkeypatch.setattr(commands.console, "_width", 160)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(training, "ChainzRuleClassifier", _short(ChainzRuleClassifier))
    monkeypatch.setattr(training, "ChainzRuleRegressor", _short(ChainzRuleRegressor))


def _short(estimator: type) -> object:
    return lambda **settings: estimator((12,), max_epochs=10, **settings)


def train(tmp_path: Path, data: Path, *flags: str) -> tuple[int, str, Path]:
    """Return the exit code, what was said, and where the version would be."""
    repository = tmp_path / "models"
    typed = ["train", "--data", str(data), "--name", "own", "--repository", str(repository), *flags]
    result = runner.invoke(commands.app, typed)
    assert "Traceback" not in result.output
    return result.exit_code, result.output + result.stderr, repository / "own" / "1"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_becomes_a_version_and_what_was_inferred_is_shown(tmp_path: Path, kind: str) -> None:
    frame, data = make_loans(400, seed=1), tmp_path / f"loans.{kind}"
    if kind == "csv":
        frame.to_csv(data, index=False, sep=";")
    else:
        frame.to_parquet(data)
    code, said, folder = train(tmp_path, data, "--target", "paid", "--drop", "member")
    assert code == 0, said
    for words in ("left out: identifier", "numbers the rows", "left out: dropped", "dates in ISO 8601", "paid: binary"):
        assert words in said
    assert ("semicolons between the values" in said) == (kind == "csv")
    assert "240 to train on, 80 to calibrate, 80 to test; split at random, by class" in said
    manifest = read_manifest(folder)
    assert manifest.table.names == ("amount", "city", "since", "grade")
    assert manifest.table.ignored == ("number", "member", "country")
    assert manifest.training.data == f"loans.{kind}, 400 rows; split at random, by class"
    assert f"how it does, to be opened in a browser: {folder / 'report.html'}" in said
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "number is identifier and is left out: numbers the rows" in report
    assert "country is constant and is left out" in report


def test_flags_and_options_override_what_is_inferred(tmp_path: Path) -> None:
    data, options = tmp_path / "loans.csv", tmp_path / "options.yaml"
    make_loans(400, seed=2).to_csv(data, index=False)
    options.write_text("time: since\ntypes:\n  number: number\n")
    code, said, folder = train(
        tmp_path, data, "--target", "paid", "--options", str(options), "--type", "grade=category"
    )
    assert code == 0, said
    assert "split by since, the newest rows last" in said
    assert read_manifest(folder).table.names == ("number", "amount", "city", "member", "grade")


def test_a_quantity_is_learned_with_its_interval(tmp_path: Path) -> None:
    data = tmp_path / "loans.parquet"
    make_loans(600, seed=3).drop(columns="paid").dropna(subset="amount").to_parquet(data)
    code, said, folder = train(tmp_path, data, "--target", "amount")
    assert code == 0, said
    assert "amount: regression" in said
    manifest = read_manifest(folder)
    assert (manifest.task, manifest.regression is not None) == ("regression", True)
    scores = Model.load(folder, threads=1).score(np.array([[0, 1, 19000, 2], [-1, 0, 19000, 2]], np.float32))
    assert (scores["lower"] < scores["upper"]).all()
    # The second row's city is unseen: it is as strange as can be, and its score that of a constant.
    assert scores["typicality"][1] == pytest.approx(manifest.reference.smallest_typicality, abs=1e-5)
    assert scores["reliability"][1] == pytest.approx(manifest.reference.reliability_weights[2], abs=2e-3)


@pytest.fixture
def reviews(tiny_graph: EncoderGraph, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.setattr(text_column, "export_encoder", lambda *_: tiny_graph)
    generator = np.random.default_rng(0)
    good = generator.random(300) < 0.5
    texts = [
        " ".join([*generator.choice(WORDS[6:14], 5), "good" if is_good else "bad", *generator.choice(WORDS[6:14], 2)])
        for is_good in good
    ]
    return pd.DataFrame({"text": texts, "verdict": np.where(good, "good", "bad"), "points": good + 0.1 * good.cumsum()})


def test_texts_alone_go_through_the_encoder(tmp_path: Path, reviews: pd.DataFrame, tiny_encoder: Path) -> None:
    data = tmp_path / "reviews.csv"
    reviews.drop(columns="points").to_csv(data, index=False)
    code, said, folder = train(tmp_path, data, "--target", "verdict", "--encoder", str(tiny_encoder))
    assert code == 0, said
    manifest = read_manifest(folder)
    assert isinstance(manifest.input, TextInput)
    assert manifest.input.example in reviews["text"].tolist()
    assert (manifest.classes, manifest.evaluation.rows) == (("bad", "good"), 60)
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "Logistic regression" in report
    assert "it takes no texts, and there is nothing else" in report.lower()
    assert "dimensions of a sentence embedding" in report
    code, said, _ = train(
        tmp_path, _without_a_text(data), "--target", "verdict", "--version", "2", "--encoder", str(tiny_encoder)
    )
    assert code == 1
    assert "text is missing in row 3 (1 in all): take such rows out" in said


def test_a_quantity_is_learned_from_texts_alone(tmp_path: Path, reviews: pd.DataFrame, tiny_encoder: Path) -> None:
    data = tmp_path / "reviews.parquet"
    reviews.drop(columns="verdict").assign(author=np.arange(300) // 10).to_parquet(data)
    encoder = ("--encoder", str(tiny_encoder))
    code, said, folder = train(tmp_path, data, "--target", "points", "--group", "author", *encoder)
    assert code == 0, said
    assert "split by author, 30 groups; training stops by 3 of its 18 (30 rows)" in said
    manifest = read_manifest(folder)
    assert (manifest.training.rows, manifest.training.validation_rows) == (150, 30)
    assert isinstance(manifest.input, TextInput)
    assert manifest.predicted.target == "points"
    assert any(finding.text.startswith("sensitivity is the gradient of the value") for finding in check_folder(folder))


def test_a_text_beside_other_columns_goes_through_the_encoder_too(
    tmp_path: Path, reviews: pd.DataFrame, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "reviews.csv"
    reviews.to_csv(data, index=False)
    planned: list[tuple[TablePlan, dict[str, Any]]] = []

    def note(plan: TablePlan, **settings: Any) -> None:
        planned.append((plan, settings))
        raise DataError("trained enough")

    monkeypatch.setattr(command, "train_plan", note)
    code, said, _ = train(tmp_path, data, "--target", "verdict", "--encoder", str(tiny_encoder))
    assert (code, "trained enough" in said) == (1, True)
    [(plan, settings)] = planned
    assert [column.kind for column in plan.used] == ["text", "number"]
    assert settings["encoder"] == tiny_encoder


def _without_a_text(data: Path) -> Path:
    frame = pd.read_csv(data)
    frame.loc[2, "text"] = None
    file = data.with_name("gap.csv")
    frame.to_csv(file, index=False)
    return file


def test_a_folder_of_pictures_becomes_an_image_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from model_export.own_data import image_folder

    monkeypatch.setattr(image_folder, "_EPOCHS", (2, 2))
    monkeypatch.setattr(image_folder, "_STAGES", (4, 8))
    generator = np.random.default_rng(0)
    folder = tmp_path / "pictures"
    for name, brightness in (("dark", 60), ("light", 180)):
        (folder / name).mkdir(parents=True)
        for number in range(70):
            size = (18, 14, 3) if number % 2 else (16, 16, 3)
            pixels = np.clip(generator.normal(brightness, 30, size), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.{'png' if number % 3 else 'jpg'}")
    code, said, version = train(tmp_path, folder)
    assert code == 0, said
    manifest = read_manifest(version)
    assert isinstance(manifest.input, ImageInput)
    assert (manifest.classes, manifest.input.mode, manifest.input.resize) == (("dark", "light"), "RGB", "crop")
    assert (manifest.input.height, manifest.input.width) == (16, 16)
    assert manifest.evaluation.rows == 28
    report = (version / "report.html").read_text(encoding="utf-8")
    assert "on 28 test pictures" in report
    assert "linear models and trees on raw pixels are no fair comparison" in report
    assert "Each channel&#x27;s activation is a polynomial of its own" in report
    assert "Layer 6: all 8 channels" in report
    with monkeypatch.context() as patch:
        patch.setattr(memory, "available_bytes", lambda: 1e3)
        code, said, _ = train(tmp_path, folder, "--version", "2")
    assert code == 1
    assert "of memory to learn from, and 1 kB are free: give fewer pictures, or take a larger machine" in said
    (folder / "dark" / "0.jpg").write_bytes(b"no picture")
    code, said, _ = train(tmp_path, folder, "--version", "2")
    assert code == 1
    assert "0.jpg cannot be read as a picture" in said


def test_data_that_are_not_there_are_named_whatever_else_is_asked(tmp_path: Path) -> None:
    code, said, folder = train(tmp_path, tmp_path / "loans.csv")
    assert code == 1
    assert "loans.csv is not there: --data takes a CSV or Parquet file, or a folder of pictures" in said
    assert not folder.exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--target", "price"], "loans.csv: no column is called 'price'; the columns are number, amount"),
        ([], "say with --target which column of"),
        (["--target", "number", "--task", "multiclass"], "every row has a number of its own"),
        (["--target", "country"], "every row has the country 'XX': there is nothing to tell apart"),
        (["--target", "paid", "--task", "guess"], "no task is called 'guess'"),
        (["--target", "paid", "--type", "city"], "--type city says no kind"),
        (["--target", "paid", "--type", "city=number"], "column 'city' holds 'Rome' in row"),
        (["--target", "paid", "--group", "city"], "city has 3 groups, and at least 5 are needed"),
        (["--target", "paid", "--time", "city"], "city holds no dates or numbers to split the rows by"),
        (["--target", "paid", "--options", "nowhere.yaml"], "the options nowhere.yaml cannot be read"),
        (["--target", "paid", "--name", "my model"], "'my model' cannot be a model's name"),
        (["--target", "paid", "--int8"], "--data takes no built-in task"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence_and_nothing_is_written(
    tmp_path: Path, flags: list[str], words: str
) -> None:
    data = tmp_path / "loans.csv"
    make_loans(200, seed=1).to_csv(data, index=False)
    code, said, folder = train(tmp_path, data, *flags)
    assert code == 1
    assert words in said.replace("\n", " ")
    assert not folder.parent.parent.exists()


def test_a_folder_that_holds_no_classes_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "cats").mkdir(parents=True)
    assert "holds 1 folders" in train(tmp_path, folder)[1]
    (folder / "dogs").mkdir()
    assert "holds 0 PNG and JPEG files, and a class needs 10" in train(tmp_path, folder)[1]
    assert "is a folder of pictures" in train(tmp_path, folder, "--target", "x")[1]


def test_neither_a_task_nor_data_is_said_to_be_too_little() -> None:
    result = runner.invoke(commands.app, ["train"])
    assert result.exit_code == 1
    assert "give a task, pima, " in result.stderr
    result = runner.invoke(commands.app, ["train", "--data", "x.csv"])
    assert "say with --name what the model is to be called" in result.stderr
