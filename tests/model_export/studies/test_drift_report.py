import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_export.errors import DataNotFoundError
from model_export.studies import drift
from model_export.studies.drift_report import write_drift_report
from tests.model_export.studies.made_up_rows import make_rows


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs, output = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("report")
    for seed in range(2):
        rows = make_rows({"typicality": 0.0, "jacobian_norm": 0.0}, seed)
        typicality = np.random.default_rng(seed).random(len(rows.shift)).astype(np.float32)
        typicality[rows.shift == 1] *= 0.05
        rows.confidences["typicality"] = typicality
        rows.save(runs / f"pima-polynomial-{seed}-rows.npz")
        pd.DataFrame({"calibration_rows": [500]}).to_csv(runs / f"pima-polynomial-{seed}-window.csv")
    with pytest.MonkeyPatch.context() as patch:
        for name, smaller in {"PAIRS": 500, "SETS": 5, "WINDOWS_A_SET": 50, "WINDOWS": 100}.items():
            patch.setattr(drift, name, smaller)
        write_drift_report(runs, output)
    return output


def test_every_table_is_whole(report: Path) -> None:
    text = (report / "README.md").read_text(encoding="utf-8")
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(tables) == 4
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1
    assert "{" not in text
    assert "nan" not in text


def test_false_alarms_are_written_for_both_alerts(report: Path) -> None:
    cases = len(drift.CALIBRATION_ROWS) * len(drift.WINDOW_ROWS)
    for name in ("false_alarms.csv", "false_alarms_tail_ratio.csv"):
        table = pd.read_csv(report / name)
        assert len(table) == cases
        assert (table["share"] < 0.05).all()


def test_the_shift_that_is_one_is_noticed(report: Path) -> None:
    noticed = pd.read_csv(report / "noticing.csv").set_index("shift")["rows_needed"].to_dict()
    assert noticed["noise"] == drift.GRID[0]
    assert noticed["blur"] > 1000


def test_a_folder_without_runs_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="holds no runs"):
        write_drift_report(tmp_path, tmp_path / "report")
