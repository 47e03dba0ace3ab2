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


def free_version(repository: Path, name: str, version: int) -> Path:
    """Return the folder `<repository>/<name>/<version>`, which is not there yet and can be written.

    Raises:
        ExportError: if that version is there already, since a version never changes, or the repository is not writable.
    """
    target = repository / name / str(version)
    if target.exists():
        raise ExportError(
            f"{target} is there already, and a version never changes: export version "
            f"{next_version(repository, name)}, or remove the folder"
        )
    ground = next(folder for folder in target.absolute().parents if folder.exists())
    if not (ground.is_dir() and os.access(ground, os.W_OK)):
        raise ExportError(f"{ground} is not a folder that can be written to")
    return target


def write_version(repository: Path, manifest: Manifest, files: Mapping[str, bytes]) -> Path:
    """Write `files` and the manifest that lists them to `<repository>/<name>/<version>`, and return that folder.

    The folder appears whole, by one rename, readable for all.

    Raises:
        ExportError: as `free_version` does, or if the disk refuses.
    """
    target = free_version(repository, manifest.name, manifest.version)
    listed = manifest.model_copy(update={"files": {name: sha256(data).hexdigest() for name, data in files.items()}})
    contents = {**files, MANIFEST_FILE: (listed.model_dump_json(indent=2) + "\n").encode()}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{manifest.version}-", dir=target.parent))
        try:
            for name, data in contents.items():
                (staging / name).write_bytes(data)
                (staging / name).chmod(0o644)
            staging.chmod(0o755)
            staging.rename(target)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
    except OSError as error:
        raise ExportError(f"{target} cannot be written: {error}") from error
    return target
