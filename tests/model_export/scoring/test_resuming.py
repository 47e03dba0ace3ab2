"""Jobs that are stopped, and go on."""

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Exported, make_table
from tests.model_export.scoring.scoring_files import digests, read_rows, run_score, start_score

ROWS = 120_000


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two files, some of whose rows cannot be scored."""
    folder = tmp_path_factory.mktemp("rows")
    table = pa.Table.from_pandas(make_table(ROWS // 2, seed=21)[0], preserve_index=False)
    pressure = table.column("pressure").to_numpy().copy()
    pressure[::5000] = np.inf
    table = table.set_column(1, "pressure", pa.array(pressure))
    for name in ("first", "second"):
        pq.write_table(table, folder / f"{name}.parquet", row_group_size=3000)
    return folder


def test_killed_and_resumed_the_output_is_identical(exported: Exported, rows: Path, tmp_path: Path) -> None:
    def arguments(output: Path) -> list[object]:
        return ["--input", rows, "--output", output, "--model", exported.folder, "--chunk-mib", 0.1, "--workers", 2]

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run_score(*arguments(whole)).exit_code == 0
    chunks, finished = len(list(whole.glob("part-*"))), 0
    for attempt in range(3):
        process = start_score(*arguments(killed))
        # At a moment of its own each time, once more is finished than the time before.
        target = finished + random.Random(attempt).randint(1, 8)
        while process.poll() is None and len(list(killed.glob("_journal/*.json"))) < target:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        finished = len(list(killed.glob("_journal/*.json")))
        assert 0 < finished < chunks
    assert run_score(*arguments(killed)).exit_code == 0
    assert digests(killed) == digests(whole)
    assert read_rows(killed).num_rows == ROWS - 24
    # A job that is done is done: nothing is written again.
    before = {file: file.stat().st_mtime_ns for file in killed.iterdir()}
    result = run_score(*arguments(killed))
    assert "rows/s" not in result.output
    assert "119,976 scored, 24 rejected (24 non_finite_value)" in result.output
    assert {file: file.stat().st_mtime_ns for file in killed.iterdir()} == before


def test_the_same_by_ray(exported: Exported, rows: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    by_threads, by_ray = tmp_path / "threads", tmp_path / "ray"
    arguments = ["--input", rows, "--model", exported.folder, "--chunk-mib", 1, "--output"]
    assert run_score(*arguments, by_threads).exit_code == 0
    process = start_score(*arguments, by_ray, "--engine", "ray")
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    assert digests(by_ray) == digests(by_threads)


def test_a_job_that_is_no_longer_the_same_is_refused(exported: Exported, rows: Path, tmp_path: Path) -> None:
    (source := tmp_path / "rows.parquet").write_bytes((rows / "first.parquet").read_bytes())
    output = tmp_path / "out"
    arguments = ["--input", source, "--output", output, "--model", exported.folder]
    assert run_score(*arguments).exit_code == 0
    before = digests(output)
    result = run_score(*arguments, "--detail")
    assert result.exit_code == 1
    assert "options: detail was False and is True" in result.stderr
    stat = source.stat()
    os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    result = run_score(*arguments)
    assert "input: rows.parquet: changed was" in result.stderr
    assert digests(output) == before


def test_two_at_once_are_refused(exported: Exported, rows: Path, tmp_path: Path) -> None:
    arguments = ["--input", rows, "--output", tmp_path / "out", "--model", exported.folder, "--chunk-mib", 0.1]
    process = start_score(*arguments)
    while process.poll() is None and not list(tmp_path.glob("out/_journal/*.json")):
        time.sleep(0.001)
    process.send_signal(signal.SIGSTOP)
    try:
        result = run_score(*arguments)
        assert result.exit_code == 1
        assert "another process is scoring into" in result.stderr
    finally:
        process.kill()
        process.communicate()


def test_a_full_disk_leaves_nothing_half_written(exported: Exported, rows: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    arguments = ["--input", rows, "--output", output, "--model", exported.folder, "--chunk-mib", 0.5]
    # A limit on the size of a file stands for the disk's: writing fails, wherever that happens to be.
    process = start_score(*arguments, limit=100_000)
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 1
    assert "make room, and run the same command again" in errors
    assert "Traceback" not in errors
    assert not list(output.rglob(".temporary-*"))
    assert run_score(*arguments).exit_code == 0
    assert run_score(*arguments[:3], tmp_path / "whole", *arguments[4:]).exit_code == 0
    assert digests(output) == digests(tmp_path / "whole")
