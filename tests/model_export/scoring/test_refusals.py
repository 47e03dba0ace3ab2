"""Input, models and folders that cannot be used: a sentence, and nothing written."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model_export.scoring.source import find_files
from tests.conftest import Exported
from tests.model_export.scoring.scoring_files import read_rejected, run_score

HEADER = "temperature,pressure,flow rate,age\n"
GOOD = HEADER + "1,2,3,4\n"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.csv": "temperature,pressure,flow_rate,age\n1,2,3,4\n"}, "is 'flow_rate' meant for 'flow rate'?"),
        ({"a.csv": ""}, "a.csv is empty"),
        ({"a.csv": HEADER}, "a.csv has no rows"),
        ({"a.csv": HEADER + "\n\n"}, "a.csv has no rows"),
        ({"a.csv": HEADER + '1,2,3,"4\n5,6,7,8\n'}, "row 1 of"),
        ({"a.csv": "temperature,temperature,pressure,flow rate,age\n1,1,2,3,4\n"}, "'temperature' 2 times"),
        ({"a.csv": GOOD, "b.csv": "temperature,pressure,age\n1,2,3\n"}, "lacks flow rate, compared with"),
        ({"a.csv": GOOD, "b.csv": GOOD.replace(",", ";")}, "b.csv has semicolons between its values"),
        ({"a.csv": GOOD, "b.parquet": {"temperature": [1.0]}}, "b.parquet is Parquet and"),
        ({"a.parquet": b"PAR1 and nothing else"}, "cannot be read as one, was it copied whole?"),
        ({"a.csv": gzip.compress(GOOD.encode())}, "is packed with gzip: unpack it first"),
        ({"a.csv": GOOD.encode("utf-16")}, "is in UTF-16"),
        ({"a.csv": HEADER.replace("age", "age,chainzrule_label") + "1,2,3,4,x\n"}, "say --prefix new_"),
        ({"notes.txt": "none of these"}, "holds no file that ends in .csv, .tsv"),
        (
            {"a.parquet": {"temperature": ["1"], "pressure": [2.0], "flow rate": [3.0], "age": [4.0]}},
            "column 'temperature' holds string, and the model takes numbers",
        ),
        (
            {"a.parquet": {"temperature": [1.0]}, "b.parquet": {"temperature": [1]}},
            "temperature is int64 in",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused_before_anything_is_written(
    exported: Exported, tmp_path: Path, files: dict[str, str | bytes | dict[str, list[object]]], said: str
) -> None:
    (folder := tmp_path / "rows").mkdir()
    for name, content in files.items():
        if isinstance(content, dict):
            pq.write_table(pa.table(content), folder / name)
        else:
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    result = run_score("--input", folder, "--output", tmp_path / "out", "--model", exported.folder)
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.startswith("error  ")
    assert not (tmp_path / "out").exists()


def test_paths_models_and_folders_that_are_not_there(exported: Exported, images: Exported, tmp_path: Path) -> None:
    (source := tmp_path / "a.csv").write_text(GOOD)
    (broken := tmp_path / "broken").mkdir()
    (broken / "manifest.json").write_text("{}")
    (taken := tmp_path / "taken").mkdir()
    (taken / "letter.txt").write_text("mine")
    for changed, said in (
        ({"--input": tmp_path / "b.csv"}, "b.csv is not there"),
        ({"--input": tmp_path / "*.parquet"}, "no file matches"),
        ({"--model": tmp_path}, "is no model: give <repository>/<name>"),
        ({"--model": broken}, "schema version None"),
        ({"--model": images.folder}, "photos takes images"),
        ({"--output": taken}, "is not empty and holds no scoring job"),
        ({"--output": taken / "letter.txt"}, "is a file, or lies in one"),
        ({"--engine": "spark"}, "no engine is called 'spark'"),
        ({"--workers": 1, "--engine": "ray"}, "--workers is of the local engine"),
    ):
        arguments = {"--input": source, "--output": tmp_path / "out", "--model": exported.folder} | changed
        result = run_score(*(part for pair in arguments.items() for part in pair))
        assert (result.exit_code, said in result.stderr) == (1, True), (said, result.stderr)
        assert not (tmp_path / "out").exists()
    assert [file.name for file in taken.iterdir()] == ["letter.txt"]


def test_where_no_row_can_be_scored_the_command_fails_and_says_where_the_reasons_are(
    exported: Exported, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(HEADER + "high,2,3,4\nlow,2,3,4\n")
    result = run_score("--input", tmp_path / "a.csv", "--output", tmp_path / "out", "--model", exported.folder)
    assert result.exit_code == 1
    assert "not one row could be scored" in result.stderr
    assert [row["field"] for row in read_rejected(tmp_path / "out")] == ["temperature", "temperature"]
    assert json.loads((tmp_path / "out" / "_summary.json").read_text())["rows"]["scored"] == 0


def test_files_are_found_in_the_order_of_their_names_and_never_in_the_output(tmp_path: Path) -> None:
    for name in ("b/2.csv", "b/1.CSV", "a.tsv", "_hidden/x.csv", ".git/x.csv", "out/part.csv", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x\n1\n")
    found = find_files([str(tmp_path), str(tmp_path / "b" / "*.csv")], tmp_path / "out")
    assert [file.name for file in found] == ["a.tsv", "b/1.CSV", "b/2.csv"]
