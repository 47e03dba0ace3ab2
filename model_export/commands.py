"""The commands of the offline half."""

from json import dumps
from os import cpu_count
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from model_export.card import card
from model_export.errors import ModelExportError
from model_export.graph.folder_check import check_folder
from model_export.own_data.command import OwnData, train_own
from model_export.own_data.options import TableOptions
from model_export.own_data.target import TASKS as TARGET_TASKS
from model_export.own_data.values import KINDS
from model_export.report.publication import REPORT_FILE
from model_export.tasks import TASKS, TextTask
from model_export.text.pooling import PoolingName
from service.errors import ServiceError
from service.version_folder import read_manifest

app = typer.Typer(
    help="Train ChainzRule networks, export them with their derivatives, serve them with their reliability.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console()

Folder = Annotated[Path, typer.Argument(help="A version folder, <repository>/<name>/<version>.")]


@app.command()
def train(
    task: Annotated[
        str | None, typer.Argument(help=f"A built-in task: {', '.join(TASKS)}. Or give --data, --target and --name.")
    ] = None,
    repository: Annotated[Path, typer.Option(help="Where <name>/<version>/ is written.")] = Path("models"),
    version: Annotated[int | None, typer.Option(min=1, help="The next free one unless given.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the split, the start and the order of the rows.")] = 0,
    encoder: Annotated[
        Path | None, typer.Option(help="Of a text task: a local Hugging Face folder of a BERT-like encoder.")
    ] = None,
    pooling: Annotated[
        PoolingName | None, typer.Option(help="Of a text task: how the tokens' vectors become an embedding.")
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="Of a text task: the encoder in 8-bit integers.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="Your own: a CSV or Parquet file, or a folder of folders of pictures.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Of your own file: the column to be predicted.")] = None,
    name: Annotated[str | None, typer.Option(help="Of your own data: what the model is called.")] = None,
    options: Annotated[
        Path | None, typer.Option(help="Of your own file: a YAML file of what the flags below say; flags come first.")
    ] = None,
    predict: Annotated[
        str | None, typer.Option("--task", help=f"What the target is, if not as inferred: {', '.join(TARGET_TASKS)}.")
    ] = None,
    levels: Annotated[str | None, typer.Option(help="An ordinal target's values, rising, with commas between.")] = None,
    kinds: Annotated[
        list[str] | None, typer.Option("--type", help=f"COLUMN=KIND, if not as inferred: {', '.join(KINDS)}.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="A column to be left out.")] = None,
    group: Annotated[str | None, typer.Option(help="Hold out whole groups: rows alike in this column.")] = None,
    time: Annotated[str | None, typer.Option(help="Hold out the newest rows by this column.")] = None,
) -> None:
    """Train a built-in task, or on your own data; calibrate on held-out rows, and export, verified."""
    if data is not None:
        if task is not None or pooling or int8:
            _fail("--data takes no built-in task, and neither --pooling nor --int8")
        if name is None:
            _fail("say with --name what the model is to be called")
        said = (predict, levels, kinds, drop, group, time)
        try:
            chosen_options = None
            if options is not None or any(said):
                chosen_options = (TableOptions.read(options) if options else TableOptions()).but(
                    task=predict, levels=levels, types=kinds or (), drop=drop or (), group=group, time=time
                )
            own = OwnData(data, name, repository, target, chosen_options, encoder, version, seed)
            folder = train_own(own, console)
        except ModelExportError as error:
            _fail(str(error))
        _written(folder, repository)
        return
    if task is None:
        _fail(f"give a task, {', '.join(TASKS)}, or your own data with --data, --target and --name")
    if task not in TASKS:
        _fail(f"no task is called {task!r}; there are {', '.join(TASKS)}")
    chosen = TASKS[task]
    if encoder or pooling or int8:
        if not isinstance(chosen, TextTask):
            _fail(f"{task} takes no texts: --encoder, --pooling and --int8 are for tasks that do")
        chosen = chosen.with_encoder(encoder, pooling, int8=int8)
    try:
        folder = chosen.export(repository, version=version, seed=seed, progress=console.is_terminal)
    except ModelExportError as error:
        _fail(str(error))
    _written(folder, repository)


@app.command()
def verify(folder: Folder) -> None:
    """Check a version folder: its files, its graph, and its derivatives against finite differences.

    Each line begins with "ok", or with "--" where something could not be checked.
    """
    try:
        for finding in check_folder(folder):
            mark = ("ok", "green") if finding.checked else ("--", "yellow")
            console.print(Text.assemble(mark, "  ", finding.text), soft_wrap=True)
    except (ModelExportError, ServiceError) as error:
        _fail(str(error))


@app.command()
def inspect(folder: Folder) -> None:
    """Show the manifest of a version folder as a card."""
    try:
        console.print(card(read_manifest(folder)))
    except ServiceError as error:
        _fail(str(error))


@app.command()
def compare(
    old: Folder,
    new: Folder,
    data: Annotated[
        Path, typer.Option(help="Labelled rows: a CSV or Parquet file, or a folder of folders of pictures.")
    ],
    target: Annotated[str | None, typer.Option(help="The file's column of labels, if it is not clear.")] = None,
    tolerance: Annotated[
        float,
        typer.Option(min=0, help="The new version may be worse by so much: in accuracy, or in the target's unit."),
    ] = 0.0,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say what has changed between two versions of a model, on rows whose truth is known.

    Exits with 1 if the new version is shown to be worse by more than the tolerance: the 95 % interval of the change in
    accuracy (of a number in the mean absolute error) lies wholly beyond it. With 0 if it is not, and with 2 if the two
    cannot be compared.
    """
    from model_export.comparison.comparison import compare as compare_versions  # noqa: PLC0415 - for this alone
    from model_export.comparison.report import as_json, report  # noqa: PLC0415

    try:
        found = compare_versions(old, new, data, target, tolerance)
    except (ModelExportError, ServiceError) as error:
        _fail(str(error), status=2)
    if json:
        typer.echo(dumps(as_json(found), indent=2, ensure_ascii=False))
    else:
        console.print(report(found))
    if found.worse:
        raise typer.Exit(1)


@app.command()
def study(
    sets: Annotated[str, typer.Option(help="Data sets, with commas between.")] = "pima,sst5,mnist",
    seeds: Annotated[int, typer.Option(min=1, help="Networks of each kind, on splits of their own.")] = 5,
    output: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("model_export/results/reliability"),
) -> None:
    """Measure what the reliability signals are worth, beside their peers; goes on where it stopped."""
    from model_export.studies.report import write_report  # noqa: PLC0415 - seconds to load, for this alone
    from model_export.studies.runs import run_all  # noqa: PLC0415
    from model_export.studies.study_sets import STUDIES  # noqa: PLC0415

    names = sets.split(",")
    if unknown := [name for name in names if name not in STUDIES]:
        _fail(f"no data set is called {', '.join(unknown)}; there are {', '.join(STUDIES)}")
    try:
        records = run_all(names, seeds, output / "runs")
    except ModelExportError as error:
        _fail(str(error))
    write_report(records, output)
    console.print(Text(f"written to {output}"), soft_wrap=True)


@app.command()
def drift(
    runs: Annotated[Path, typer.Option(help="The runs that chainzrule study has kept.")] = Path(
        "model_export/results/reliability/runs"
    ),
    output: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("model_export/results/drift"),
) -> None:
    """Simulate the drift alert: its false alarms, and the rows it needs to notice each shift of the study."""
    from model_export.studies.drift_report import write_drift_report  # noqa: PLC0415 - seconds to load

    try:
        write_drift_report(runs, output)
    except ModelExportError as error:
        _fail(str(error))
    console.print(Text(f"written to {output}"), soft_wrap=True)


@app.command()
def reproduce(
    tasks: Annotated[list[str] | None, typer.Argument(help="Lines of the paper's table; all unless given.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer seeds; into a folder of its own, `quick`.")] = False,
    output: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("model_export/results/paper"),
    jobs: Annotated[int, typer.Option(min=1, help="Units that run at once, each on one core.")] = cpu_count() or 1,
) -> None:
    """Run the paper's evaluation again and report it beside the paper's figures; goes on where it stopped.

    Whatever else has been run before stands in the report too. Ctrl-C ends the run and reports what there is.
    """
    from model_export.reproduction.evaluation import run_and_report  # noqa: PLC0415 - seconds to load, for this alone
    from model_export.reproduction.runs import all_experiments  # noqa: PLC0415

    known = list(all_experiments())
    if unknown := [task for task in tasks or () if task not in known]:
        _fail(f"no task is called {', '.join(unknown)}; there are {', '.join(known)}")
    folder = output / "quick" if quick else output
    failed = run_and_report(tasks or known, folder, quick=quick, jobs=jobs, console=console)
    for task, reason in failed.items():
        console.print(Text.assemble(("--", "yellow"), f"  {task}: {reason}"), soft_wrap=True)
    console.print(Text(f"written to {folder}"), soft_wrap=True)
    if failed:
        raise typer.Exit(1)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def serve() -> None:
    """Serve a repository over HTTP; `chainzrule serve --help` has its settings."""
    raise AssertionError("chainzrule.cli runs serve before the offline half is loaded")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def score() -> None:
    """Score CSV or Parquet files of any size; `chainzrule score --help` says how."""
    raise AssertionError("chainzrule.cli runs score before torch is loaded")


def _written(folder: Path, repository: Path) -> None:
    console.print(card(read_manifest(folder)))
    console.print(Text(f"written to {folder}; serve it: chainzrule serve --repository {repository}"), soft_wrap=True)
    if (folder / REPORT_FILE).exists():
        console.print(Text(f"how it does, to be opened in a browser: {folder / REPORT_FILE}"), soft_wrap=True)


def _fail(message: str, status: int = 1) -> NoReturn:
    Console(stderr=True).print(Text.assemble(("error", "red"), "  ", message), soft_wrap=True)
    raise typer.Exit(status)
