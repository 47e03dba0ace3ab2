import re
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

from model_export.studies import comparisons
from model_export.studies.bootstrap import Resamples
from model_export.studies.figures import risk_coverage_figure
from model_export.studies.report import write_report
from model_export.studies.runs import Records


@pytest.fixture(scope="module")
def report(records: Records, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparisons, "Resamples", lambda identities: Resamples(identities, resamples=100))
        write_report(records, folder)
    return folder


def test_the_report_holds_every_section(report: Path) -> None:
    text = (report / "README.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert sections == [
        "To reach",
        "Where the errors are",
        "`reliability` against each single baseline",
        "Does the Jacobian add to the margin?",
        "Does the signature beat the same distance on something else?",
        "All confidences",
        "Further measures",
        "Noticing each shift (polynomial networks)",
        "Unshifted test rows",
        "Foretelling a window's error rate",
    ]
    for words in ("### plant, polynomial", "### plant, relu", "| typicality |", "shrink", "| seed 0 | seed 1 |"):
        assert words in text
    assert "nan" not in text
    for line in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({row.count("|") for row in line.splitlines()}) == 1
    for place in re.findall(r"\]\((.*?)\)", text):
        assert (report / place).exists()


def test_the_tables_behind_it_are_written(report: Path) -> None:
    compared = pd.read_csv(report / "comparisons.csv")
    assert compared.groupby(["set", "activation", "question", "metric"]).ngroups == 3 * 5
    assert len(pd.read_csv(report / "conditional.csv")) == 3 * 6
    assert {"errors_fpr95", "shifted_aurc", "detection"} <= set(pd.read_csv(report / "summary.csv").columns)


def test_the_figure_is_the_same_bytes_again_and_shows_every_line(report: Path, records: Records) -> None:
    written = (report / "risk_coverage.svg").read_bytes()
    again = report / "again.svg"
    risk_coverage_figure(records, again)
    assert again.read_bytes() == written
    image = ElementTree.fromstring(written)
    comments = re.findall(r"<!-- (.*?) -->", written.decode())
    assert image.tag.endswith("svg")
    for words in ("reliability", "largest probability", "ensemble of five", "oracle", "plant, no shift"):
        assert words in comments
