"""Scoring in bulk: rows a second, memory, and ten kills.

    python -m tests.benchmarks.bulk_scoring [--rows 10000000] [--csv-rows 2000000] [--kill-rows 2000000] [--kills 10]

Rows with the means and deviations of the bundled model `pima`'s training rows are made up (seed 0), and scored by
`chainzrule score` from Parquet and from CSV. Beside it, in this process: onnxruntime called in a loop with 1,024 rows
at a time that are in memory as the graph takes them, on one thread, with its own threads on all cores, and in a loop
for each core; and reading alone. A million rows each, the best of three rounds. Then the command is killed at random
moments (seed 0), each time resumed, and what came of it is compared with an uninterrupted run byte for byte.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from service.inference.model import Model
from service.inference.threads import available_cores
from service.inputs import Feature
from service.manifest import outputs_of

MODEL = Path("deploy/models/pima/1")
_PIECE = 1 << 20
_RUN = 1024
_ROUNDS = 3


def make_rows(model: Model, rows: int, generator: np.random.Generator) -> pa.Table:
    """Made-up rows, within the range of training, with gaps where training had them, and a number of their own."""
    columns: dict[str, Any] = {"id": np.arange(rows)}
    for feature in model.manifest.table.features:
        assert isinstance(feature, Feature)
        drawn = generator.normal(feature.mean, feature.standard_deviation, rows).clip(feature.minimum, feature.maximum)
        columns[feature.name] = pa.array(drawn.round(1), mask=generator.random(rows) < feature.missing_ratio)
    return pa.table(columns)


def write_rows(model: Model, rows: int, file: Path) -> None:
    """Write rows, a piece at a time: row groups of a million."""
    generator, writer = np.random.default_rng(0), None
    for start in range(0, rows, _PIECE):
        table = make_rows(model, min(_PIECE, rows - start), generator)
        if writer is None:
            make = pq.ParquetWriter if file.suffix == ".parquet" else arrow_csv.CSVWriter
            writer = make(str(file), table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


class Pace(NamedTuple):
    """How fast rows went."""

    rows: int
    seconds: float
    processor: float
    """seconds of processor time, of all threads: what other work on the machine hardly changes"""

    def __str__(self) -> str:
        return f"{self.rows / self.seconds:12,.0f} rows/s {self.processor / self.rows * 1e6:8.2f} µs of processor a row"


def best(rows: int, work: Callable[[], object]) -> Pace:
    """The quickest of a few rounds, by each clock for itself."""
    seconds, processor = [], []
    for _ in range(_ROUNDS):
        started = time.perf_counter(), time.process_time()
        work()
        seconds.append(time.perf_counter() - started[0])
        processor.append(time.process_time() - started[1])
    return Pace(rows, min(seconds), min(processor))


def loop(model: Model, rows: NDArray[np.float32]) -> None:
    """Call onnxruntime for all outputs, and nothing else."""
    session = model._session
    outputs = [output.name for output in outputs_of(model.manifest)]
    tensor = model.manifest.table.tensor
    for start in range(0, len(rows), _RUN):
        session.run(outputs, {tensor: rows[start : start + _RUN]})


def loops(file: Path) -> dict[str, Pace]:
    """What there is to compare with."""
    cores = available_cores()
    model, wide = (Model.load(MODEL, threads=threads) for threads in (1, cores))
    names = model.manifest.table.names
    table = next(pq.ParquetFile(file).iter_batches(_PIECE)).select(names)
    rows = np.stack([column.to_numpy(zero_copy_only=False) for column in table.columns], axis=1).astype(np.float32)
    parts = np.array_split(rows, cores)

    def each() -> None:
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(loop, [model] * cores, parts))

    def read() -> None:
        for _ in pq.ParquetFile(file).iter_batches(1 << 16, [0], use_threads=False):
            pass

    return {
        "onnxruntime in a loop, one thread": best(len(rows), lambda: loop(model, rows)),
        f"the same with its own {cores} threads": best(len(rows), lambda: loop(wide, rows)),
        f"{cores} such loops of one thread at once": best(len(rows), each),
        "reading Parquet alone, one thread": best(len(rows), read),
    }


def command(source: Path, output: Path, *more: str) -> list[str]:
    arguments = ["--input", str(source), "--output", str(output), "--model", str(MODEL), *more]
    return [sys.executable, "-m", "model_export.cli", "score", *arguments]


class Scored(NamedTuple):
    """What the command did, in its one process from start to end."""

    seconds: float
    processor: float
    megabytes: float
    """resident at the peak"""
    printed: str


def score(source: Path, output: Path, *more: str) -> Scored:
    """Run the command."""
    started = time.perf_counter()
    process = subprocess.Popen(command(source, output, *more), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    processor = usage.ru_utime + usage.ru_stime
    return Scored(time.perf_counter() - started, processor, usage.ru_maxrss / 1024, printed)


def digest(folder: Path) -> str:
    """Of every file's name and content."""
    found = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            found.update(f"{file.relative_to(folder)} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


def kill_and_resume(source: Path, folder: Path, kills: int) -> bool:
    """Kill jobs at random moments of the time that a whole one takes; return whether all outputs are the whole one's.

    Each is resumed and killed again until it is done, which ends some before all kills are spent: then another begins.
    """
    whole, killed = folder / "whole", folder / "killed"
    seconds = score(source, whole, "--chunk-mib", "2").seconds
    expected, generator, finished = digest(whole), random.Random(0), []
    while kills:
        process = subprocess.Popen(
            command(source, killed, "--chunk-mib", "2"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(generator.uniform(0, seconds))
        process.send_signal(signal.SIGKILL)
        kills -= process.wait() == -signal.SIGKILL
        finished.append(len(list(killed.glob("_journal/*.json"))))
        if (killed / "_summary.json").exists() or not kills:
            score(source, killed, "--chunk-mib", "2")
            print(f"  killed with {', '.join(map(str, finished))} of {len(list(whole.glob('part-*')))} chunks finished")
            if digest(killed) != expected:
                return False
            shutil.rmtree(killed)
            finished.clear()
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, count in (("rows", 10_000_000), ("csv-rows", 2_000_000), ("kill-rows", 2_000_000), ("kills", 10)):
        parser.add_argument(f"--{name}", type=int, default=count)
    chosen = parser.parse_args()
    model = Model.load(MODEL, threads=1)
    with tempfile.TemporaryDirectory(prefix="bulk-scoring-") as temporary:
        folder = Path(temporary)
        needed = 120 * chosen.rows + 250 * chosen.csv_rows + 250 * chosen.kill_rows
        if shutil.disk_usage(folder).free < needed:
            sys.exit(f"{needed / 1e9:.1f} GB are needed in {folder.parent}")
        sources = {"rows.parquet": chosen.rows, "rows.csv": chosen.csv_rows, "killed.parquet": chosen.kill_rows}
        for name, rows in sources.items():
            if rows:
                write_rows(model, rows, folder / name)
        if chosen.rows:
            for name, pace in loops(folder / "rows.parquet").items():
                print(f"{name:45} {pace}", flush=True)
        for name in ("rows.parquet", "rows.csv"):
            if sources[name]:
                found = score(folder / name, folder / "scored")
                print(f"{f'score {name}, from start to end':45} {Pace(sources[name], found.seconds, found.processor)}")
                print(
                    f"  {sources[name]:,} rows, at most {found.megabytes:.0f} MB resident\n{found.printed}", flush=True
                )
                shutil.rmtree(folder / "scored")
        if chosen.kill_rows:
            same = kill_and_resume(folder / "killed.parquet", folder, chosen.kills)
            print(f"killed {chosen.kills} times and resumed: the output is {'identical' if same else 'DIFFERENT'}")


if __name__ == "__main__":
    main()
