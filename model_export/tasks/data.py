"""Finding a data set: the user's own folder first, else its public source."""

import os
from pathlib import Path

DATA_VARIABLE = "CHAINZRULE_DATA"
"""Names the folder that holds data sets, one folder each."""


def local_file(relative: str) -> Path | None:
    """Return `relative` in the folder that CHAINZRULE_DATA names, or None where it is not there."""
    files = local_files(relative)
    return files[0] if files else None


def local_files(pattern: str) -> list[Path]:
    """Return the files in the folder that CHAINZRULE_DATA names which `pattern` matches (`*` for anything), by name."""
    folder = os.environ.get(DATA_VARIABLE)
    return sorted(file for file in Path(folder).glob(pattern) if file.is_file()) if folder else []
