"""What a check of a version folder has to say."""

from typing import NamedTuple

import numpy as np

from model_export.errors import VerificationError


class Finding(NamedTuple):
    """A property that holds, or one that could not be checked."""

    text: str
    checked: bool = True


def require(condition: bool | np.bool_, complaint: str) -> None:
    """Raise VerificationError with `complaint` unless `condition` holds."""
    if not condition:
        raise VerificationError(complaint)
