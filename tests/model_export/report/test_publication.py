"""A report is part of its version, and never keeps one from being written."""

from pathlib import Path

import numpy as np
import pytest

from model_export.errors import ExportError
from model_export.graph.version_folder import write_version
from model_export.report import publication, subject
from model_export.report.answers import ask
from model_export.report.baselines import fit_baselines
from model_export.report.comparison import compare
from model_export.report.publication import REPORT_FILE, publish_reported
from model_export.report.subject import of_table
from service.inference.model import Model
from service.manifest import MODEL_FILE
from service.version_folder import digest, read_manifest
from tests.model_export.report.conftest import Reported


def test_the_manifest_lists_the_report_and_nothing_else_lies_about(reported_loans: Reported) -> None:
    folder = reported_loans.folder
    manifest = read_manifest(folder)
    assert manifest.files[REPORT_FILE] == digest(folder / REPORT_FILE)
    assert {file.name for file in folder.iterdir()} == {"manifest.json", "model.onnx", REPORT_FILE}
    assert [entry.name for entry in folder.parent.iterdir()] == ["1"]
    with pytest.raises(ExportError, match="is there already"):
        publish_reported(lambda _: folder, reported_loans.subject, folder.parent.parent)


def test_a_report_that_fails_costs_no_version(
    reported_loans: Reported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> str:
        raise ZeroDivisionError("no rows")

    monkeypatch.setattr(publication, "page", broken)
    files = {MODEL_FILE: (reported_loans.folder / MODEL_FILE).read_bytes()}
    manifest = read_manifest(reported_loans.folder)
    folder, failed = publish_reported(
        lambda aside: write_version(aside, manifest, files), reported_loans.subject, tmp_path
    )
    assert failed == "ZeroDivisionError: no rows"
    assert {file.name for file in folder.iterdir()} == {"manifest.json", MODEL_FILE}
    assert read_manifest(folder).files.keys() == {MODEL_FILE}


def test_a_method_that_cannot_be_fitted_is_named_and_the_others_stand(
    reported_loans: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    from model_export.report import baselines

    def broken(_: object) -> object:
        raise MemoryError("too large\nfor this machine")

    monkeypatch.setattr(baselines, "_boosted", broken)
    about = of_table(reported_loans.trained)
    answers = ask(Model.load(reported_loans.folder, threads=1), about)
    standings = compare(answers, about.training_truth, about.baselines())
    assert [bool(standing.figures) for standing in standings] == [True, True, False, True]
    assert standings[2].failed == "it could not be fitted: too large"


def test_many_rows_are_sampled_and_the_report_says_so(
    reported_loans: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    from model_export.report import baselines

    monkeypatch.setattr(subject, "MOST_ROWS", 100)
    about = of_table(reported_loans.trained)
    assert (len(about.truth), about.of) == (100, 240)
    plan = reported_loans.trained.plan
    assert (about.truth == plan.target.codes[about.places - 1]).all()
    monkeypatch.setattr(baselines, "_MOST_WORK", 5000)
    linear = next(fit_baselines(plan, np.arange(50)))
    assert linear.predicted is not None
    assert linear.predicted.shape == (50, 2)
    assert "of the 720 training rows, for time's sake" in linear.how
