"""A version written together with the report on it."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from model_export.graph.version_folder import write_version
from model_export.report.measurements import measure
from model_export.report.page import page
from model_export.report.subject import Subject
from service.inference.model import Model
from service.version_folder import read_file

REPORT_FILE = "report.html"


def publish_reported(export: Callable[[Path], Path], subject: Subject, repository: Path) -> tuple[Path, str | None]:
    """Write a version with a report on it, listed in its manifest like every other file; return its folder.

    The version is exported aside, loaded as the service loads it and asked; then all of it appears by one rename, since
    a version never changes. Its figures are so those of what is served. Were the report to fail, the version is written
    without one.

    Args:
        export: writes a version into an empty repository and returns its folder.
        subject: what the report is about.
        repository: where `<name>/<version>/` goes.

    Returns:
        The folder, and why there is no report where there is none.

    Raises:
        ModelExportError: whatever `export` raises, or if the version is there already, or the disk refuses.
    """
    with tempfile.TemporaryDirectory(prefix="chainzrule-") as aside:
        exported = export(Path(aside))
        model = Model.load(exported, threads=1)
        contents = {name: read_file(exported, model.manifest, name) for name in model.manifest.files}
        failed = None
        try:
            contents[REPORT_FILE] = page(measure(model, subject)).encode()
        except Exception as error:  # the work of hours is not lost to a drawing
            failed = f"{type(error).__name__}: {error}"
        return write_version(repository, model.manifest, contents), failed
