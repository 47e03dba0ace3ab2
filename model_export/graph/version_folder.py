"""Writing a version folder: all of it or nothing."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from model_export.errors import ExportError
from service.manifest import MANIFEST_FILE, Manifest


def next_version(repository: Path, name: str) -> int:
    """Return the version after the highest that `repository` holds of the model `name`."""
    folder = repository / name
    taken = [int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal()] if folder.is_dir() else []
    return max(taken, default=0) + 1


def write_version(repository: Path, manifest: Manifest, files: Mapping[str, bytes]) -> Path:
    """Write `files` and the manifest that lists them to `<repository>/<name>/<version>`, and return that folder.

    The folder appears whole, by one rename.

    Raises:
        ExportError: if that version is there already: a changed model is a new version.

    """
    target = repository / manifest.name / str(manifest.version)
    if target.exists():
        raise ExportError(
            f"{target} is there already, and a version never changes: export version "
            f"{next_version(repository, manifest.name)}, or remove the folder"
        )
    listed = manifest.model_copy(update={"files": {name: sha256(data).hexdigest() for name, data in files.items()}})
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{manifest.version}-", dir=target.parent))
    try:
        for name, data in files.items():
            (staging / name).write_bytes(data)
        (staging / MANIFEST_FILE).write_text(listed.model_dump_json(indent=2) + "\n", encoding="utf-8")
        staging.chmod(0o755)
        os.rename(staging, target)  # noqa: PTH104 - unlike Path.rename on some systems, never replaces a full folder
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return target
