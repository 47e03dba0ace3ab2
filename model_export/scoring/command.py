"""`chainzrule score`."""

from pathlib import Path
from time import monotonic
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from model_export.errors import ModelExportError, ScoringError
from model_export.scoring.engines import Engine, LocalEngine
from model_export.scoring.job import Job, Options
from model_export.scoring.output_folder import Format
from model_export.scoring.ray_engine import RayEngine
from model_export.scoring.report import report
from model_export.scoring.run import run_job
from model_export.scoring.source import Chunk
from service.errors import ServiceError
from service.inference.threads import available_cores
from service.manifest import MANIFEST_FILE

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_SECONDS_A_LINE = 10.0


@app.command()
def score(
    inputs: Annotated[
        list[str], typer.Option("--input", help="CSV or Parquet: a file, a folder, or a glob in quotation marks.")
    ],
    output: Annotated[
        Path, typer.Option(help="The folder that the scores go to; a stopped job in it is gone on with.")
    ],
    model: Annotated[Path, typer.Option(help="<repository>/<name>, whose newest version is taken, or one version.")],
    written: Annotated[Format, typer.Option("--format", help="Of what is written.")] = "parquet",
    detail: Annotated[bool, typer.Option("--detail", help="Add every signal, not the usual ones alone.")] = False,
    prefix: Annotated[str, typer.Option(help="What the added columns' names begin with.")] = "chainzrule_",
    text_column: Annotated[str, typer.Option(help="Of a model of texts: the column that they are in.")] = "text",
    chunk_mib: Annotated[
        float | None,
        typer.Option(
            min=0.001, help="Input that is finished, and resumed, at a time; 16, or 1 of texts, unless given."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Chunks scored at a time, on one core each; all cores unless given.")
    ] = None,
    engine: Annotated[str, typer.Option(help="local: this machine's cores. ray: a Ray cluster's.")] = "local",
    ray_address: Annotated[str | None, typer.Option(help="Of the cluster; else RAY_ADDRESS, else a local one.")] = None,
) -> None:
    """Score CSV or Parquet files of any size: predictions with their reliability, and what they say of the whole.

    Rows that cannot be scored are set aside in <output>/_rejected with their reason. The same command again goes on
    where a job was stopped, however it was. With Ray all folders must lie under the same paths on every machine.
    """
    options = Options(written, prefix, detail, text_column, chunk_mib)
    try:
        job = Job.open(inputs, output, newest_version(model), options)
        carries = _engine(engine, workers, ray_address)
        with _Watch(job) as watch:
            summary = run_job(job, carries, watch)
    except (ModelExportError, ServiceError) as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{output} cannot be written: {error}. What is finished stays: make room, and run the same command again")
    except KeyboardInterrupt:
        Console(stderr=True).print(Text(f"stopped: the same command goes on with {output}"), soft_wrap=True)
        raise typer.Exit(130) from None
    console = Console()
    for line in (*watch.pace(), *report(summary), f"written to       {output}"):
        console.print(Text(line), soft_wrap=True)
    if not summary["rows"]["scored"]:
        _fail(f"not one row could be scored: {output}/_rejected has the reasons")


def newest_version(folder: Path) -> Path:
    """Return a version folder: the one given, or the newest in a model's folder.

    Raises:
        ScoringError: if it is neither.
    """
    if (folder / MANIFEST_FILE).exists():
        return folder
    versions = [entry for entry in folder.glob("[1-9]*") if entry.name.isdecimal() and (entry / MANIFEST_FILE).exists()]
    if not versions:
        raise ScoringError(f"{folder} is no model: give <repository>/<name> or <repository>/<name>/<version>")
    return max(versions, key=lambda version: int(version.name))


def _engine(name: str, workers: int | None, ray_address: str | None) -> Engine:
    if name == "ray":
        if workers is not None:
            raise ScoringError("--workers is of the local engine: a Ray cluster's cores are all used")
        return RayEngine(ray_address)
    if name != "local" or ray_address is not None:
        raise ScoringError(f"no engine is called {name!r}; there are local and ray, and --ray-address is of ray")
    return LocalEngine(workers or available_cores())


class _Watch:
    """Shows how far a job is: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, job: Job) -> None:
        self._extent = max(job.source.extent, 1)
        self._began = self._told = monotonic()
        self._done = self._rows = self._resumed = 0
        console = Console(stderr=True)
        self._bar: Progress | None = None
        if console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=console, transient=True)
            self._task = self._bar.add_task("scoring", total=self._extent)
        self._console = console

    def __enter__(self) -> "_Watch":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, chunk: Chunk, before: bool) -> None:
        """Take note of a finished chunk."""
        self._done += chunk.extent
        if before:
            self._resumed += chunk.rows
        else:
            self._rows += chunk.rows
        words = f"{self._resumed + self._rows:,} rows, {self._rows / max(monotonic() - self._began, 1e-9):,.0f} rows/s"
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, description=words)
        elif monotonic() - self._told >= _SECONDS_A_LINE:
            self._told = monotonic()
            self._console.print(Text(f"{self._done / self._extent:4.0%}  {words}"), soft_wrap=True)

    def pace(self) -> list[str]:
        """Return a line on how fast it was; none of a job that was done before."""
        seconds = monotonic() - self._began
        if not self._rows:
            return []
        before = f"; {self._resumed:,} rows were finished before" if self._resumed else ""
        return [f"pace             {self._rows / seconds:,.0f} rows/s over {seconds:,.1f} s{before}"]


def _fail(message: str) -> NoReturn:
    Console(stderr=True).print(Text.assemble(("error", "red"), "  ", message), soft_wrap=True)
    raise typer.Exit(1)
