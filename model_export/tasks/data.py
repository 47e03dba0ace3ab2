"""Finding a data set: the user's own folder first, else its public source."""

import os
from pathlib import Path

DATA_VARIABLE = "CHAINZRULE_DATA"
"""Names the folder that holds data sets, one folder each."""


def local_file(relative: str) -> Path | None:
    """Return `relative` in the folder that CHAINZRULE_DATA names, or None where it is not there."""
    folder = os.environ.get(DATA_VARIABLE)
    file = Path(folder) / relative if folder else None
    return file if file is not None and file.is_file() else None
