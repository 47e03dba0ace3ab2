"""Running `chainzrule score`, and reading what it wrote."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
from typer.testing import CliRunner, Result

from model_export.scoring.command import app

COMMAND = [sys.executable, "-m", "model_export.cli", "score"]


def run_score(*arguments: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def start_score(*arguments: object, limit: int | None = None) -> "subprocess.Popen[str]":
    """Start the command in a process of its own, whose files may be no larger than `limit` bytes."""
    command = [*COMMAND, *map(str, arguments)]
    if limit is not None:
        command = ["prlimit", f"--fsize={limit}", *command]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def digests(folder: Path) -> dict[str, str]:
    """The content of every file below a folder, by its path."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def read_rows(folder: Path, written: str = "parquet") -> pa.Table:
    """The rows in the order of the input."""
    return ds.dataset(sorted(folder.glob(f"part-*.{written}")), format=written).to_table()


def read_rejected(folder: Path) -> list[dict[str, object]]:
    rejected: list[dict[str, object]] = ds.dataset(sorted((folder / "_rejected").glob("part-*"))).to_table().to_pylist()
    return rejected
