"""`chainzrule train --data`: a user's file or folder, shown, learned from and exported."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.text import Text

from model_export.errors import DataError
from model_export.graph.publication import ModelCard
from model_export.graph.version_folder import free_version, next_version
from model_export.own_data.image_folder import image_task
from model_export.own_data.options import TableOptions
from model_export.own_data.plan import plan_table, show
from model_export.own_data.table_file import read_file
from model_export.own_data.text_training import texts_alone, train_texts
from model_export.own_data.training import train_plan
from model_export.report.publication import publish_reported
from model_export.report.subject import Subject, of_pictures, of_table, of_texts
from service.manifest import ModelName


class OwnData(NamedTuple):
    """What is to be learned from, and what becomes of it."""

    data: Path
    """A CSV or Parquet file, or a folder of folders of pictures"""
    name: str
    repository: Path
    target: str | None = None
    options: TableOptions | None = None
    encoder: Path | None = None
    """Of texts; the usual one unless given"""
    version: int | None = None
    seed: int = 0


def train_own(own: OwnData, console: Console) -> Path:
    """Show what will be learned, train, calibrate, export, verify, report and write a version; return its folder.

    Raises:
        ModelExportError: whatever keeps a model from being made; nothing is written then.
    """
    try:
        TypeAdapter(ModelName).validate_python(own.name)
    except ValidationError:
        raise DataError(
            f"{own.name!r} cannot be a model's name: take letters, digits, dots, dashes and underscores, at most 64"
        ) from None
    version = own.version or next_version(own.repository, own.name)
    free_version(own.repository, own.name, version)
    progress = console.is_terminal
    if not own.data.exists():
        raise DataError(f"{own.data} is not there: --data takes a CSV or Parquet file, or a folder of pictures")
    if own.data.is_dir():
        if own.target or own.options:
            raise DataError(
                f"{own.data} is a folder of pictures, whose folders are the target: it takes no other options"
            )
        task = image_task(own.data, own.name, own.seed)
        console.print(Text(f"{task.description}; {task.training.epochs} epochs"), soft_wrap=True)
        pictures = task.train(seed=own.seed, progress=progress)
        return _reported(lambda aside: pictures.export(aside, version=version), of_pictures(pictures), own, console)
    if own.target is None:
        raise DataError(f"say with --target which column of {own.data} is to be predicted")
    found = read_file(own.data)
    try:
        plan = plan_table(found.frame, own.target, own.options or TableOptions(), own.seed)
    except DataError as error:
        raise DataError(f"{own.data}: {error}") from error
    console.print(show(plan, found.notes))
    card = ModelCard(
        own.name,
        f"{own.target} from {len(plan.used)} columns of {own.data.name}",
        f"{own.data.name}, {len(plan.rows):,} rows",
    )
    if texts_alone(plan):
        texts = train_texts(plan, encoder=own.encoder, seed=own.seed, progress=progress)
        return _reported(lambda aside: texts.export(aside, card, version=version), of_texts(texts), own, console)
    trained = train_plan(plan, encoder=own.encoder, seed=own.seed, progress=progress)
    for finding in trained.findings:
        console.print(Text.assemble(("look", "yellow"), "  ", finding.text), soft_wrap=True)
    return _reported(lambda aside: trained.export(aside, card, version=version), of_table(trained), own, console)


def _reported(export: Callable[[Path], Path], subject: Subject, own: OwnData, console: Console) -> Path:
    folder, failed = publish_reported(export, subject, own.repository)
    if failed:
        console.print(Text.assemble(("look", "yellow"), f"  there is no report: {failed}"), soft_wrap=True)
    return folder
