"""Reading a version folder: its manifest, and files that are what the manifest says."""

import hashlib
import json
from pathlib import Path

from pydantic import ValidationError

from service.errors import InvalidModelError
from service.manifest import MANIFEST_FILE, MODEL_FILE, SCHEMA_VERSION, Manifest


def digest(file: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_manifest(folder: Path, max_bytes: int | None = None) -> Manifest:
    """Return the manifest of a version folder whose files are all there and unaltered.

    Args:
        folder: the version folder.
        max_bytes: the most its files may hold together, None for any amount.

    Raises:
        InvalidModelError: if the manifest is missing, unreadable or of another schema version, or a file is missing,
            altered, a link, not listed, or too large.
    """
    path = folder / MANIFEST_FILE
    try:
        _check_sizes(folder, max_bytes)
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InvalidModelError(folder, f"it has no {MANIFEST_FILE}: export the model again") from None
    except OSError as error:
        raise InvalidModelError(folder, f"its files cannot be read: {error}", passing=True) from None
    except (ValueError, RecursionError) as error:
        raise InvalidModelError(folder, f"its {MANIFEST_FILE} cannot be read: {error}") from None
    found = content.get("schema_version") if isinstance(content, dict) else None
    if found != SCHEMA_VERSION:
        raise InvalidModelError(
            folder,
            f"its manifest has schema version {found!r} and this release reads {SCHEMA_VERSION}: "
            "export the model again with this release, or serve it with the one that made it",
        )
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise InvalidModelError(folder, f"its manifest does not fit the schema: {faults}") from None
    try:
        _check_files(folder, manifest)
    except OSError as error:
        raise InvalidModelError(folder, f"its files cannot be read: {error}", passing=True) from None
    return manifest


def read_file(folder: Path, manifest: Manifest, name: str) -> bytes:
    """Return the content of a listed file, if it is still what the manifest says.

    Raises:
        InvalidModelError: if it was altered since the manifest was read, or cannot be read.
    """
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise InvalidModelError(folder, f"{name} cannot be read: {error}", passing=True) from None
    if hashlib.sha256(content).hexdigest() != manifest.files[name]:
        raise InvalidModelError(folder, f"{name} was altered while it was read")
    return content


def _check_sizes(folder: Path, max_bytes: int | None) -> None:
    """Refuse links, folders and too much before anything is read."""
    total = 0
    for file in folder.iterdir():
        if file.is_symlink() or not file.is_file():
            raise InvalidModelError(folder, f"{file.name} is not a plain file")
        total += file.stat().st_size
    if max_bytes is not None and total > max_bytes:
        raise InvalidModelError(folder, f"its files hold {total} bytes, more than the {max_bytes} of max_model_bytes")


def _check_files(folder: Path, manifest: Manifest) -> None:
    if MODEL_FILE not in manifest.files:
        raise InvalidModelError(folder, f"its manifest lists no {MODEL_FILE}")
    present = {entry.name for entry in folder.iterdir()} - {MANIFEST_FILE}
    if missing := manifest.files.keys() - present:
        raise InvalidModelError(folder, f"{', '.join(sorted(missing))} is missing: was the folder copied whole?")
    if unlisted := present - manifest.files.keys():
        raise InvalidModelError(folder, f"{', '.join(sorted(unlisted))} is not in its manifest: remove it")
    for name, expected in manifest.files.items():
        if digest(folder / name) != expected:
            raise InvalidModelError(folder, f"{name} has been altered: its SHA-256 is not the manifest's")
