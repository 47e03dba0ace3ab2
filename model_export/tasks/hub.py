"""Data sets of the Hugging Face hub, by its own loader."""

from typing import Any

from model_export.errors import DataNotFoundError
from model_export.tasks.data import DATA_VARIABLE


def load_from_hub(name: str, files: str) -> Any:
    """Return the data set `name` of the hub: an object by split, of rows.

    Args:
        name: on the hub, owner and all.
        files: what could be put into the local folder in its place, for the refusal.

    Raises:
        DataNotFoundError: if the loader is not installed, or does not reach it.
    """
    cure = f"{files} into the folder that {DATA_VARIABLE} names"
    try:
        from datasets import load_dataset  # noqa: PLC0415 - large, optional, and needed where no local file is
    except ModuleNotFoundError as error:
        raise DataNotFoundError(
            f"{name} is not at hand: put {cure}, or install the hub's loader (pip install datasets)"
        ) from error
    try:
        return load_dataset(name)
    except OSError as error:
        raise DataNotFoundError(
            f"{name} is not at hand: put {cure}, or let this machine reach the Hugging Face hub ({error})"
        ) from error
