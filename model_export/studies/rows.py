"""What a run says of every single row, kept so that rows can be resampled and regressed on."""

from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from model_export.studies.shifts import MODERATE

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Bools = NDArray[np.bool_]

SOURCE = 1_000_000
"""Identities below it are test rows; a shift that brings rows of its own numbers them from a multiple of it."""

PROBABILITIES = ("msp", "reliability", "ensemble")
"""Kept in float64: float32 has no room between 0.9999999 and 1, where much of a ranking is decided."""

_PREFIX = "confidence "
"""of the arrays in a file that are confidences"""


class Rows(NamedTuple):
    """A run's answers on M rows: the unshifted test rows and all of its S − 1 shifts."""

    identity: Codes
    """[M] which row it was made from: the same test row in every seed and shift has the same"""
    shift: Codes
    """[M] index into the following three, of which the first is no shift"""
    names: NDArray[np.str_]
    """[S]"""
    severity: Codes
    """[S]"""
    labelled: Bools
    """[S] whether the rows are of known classes"""
    wrong: Bools
    """[M]"""
    confidences: dict[str, NDArray[np.floating]]
    """[M] each, higher means to be trusted more; float32, but for `PROBABILITIES`"""

    @property
    def unshifted(self) -> Bools:
        """Which rows [M] are the test rows as they are."""
        unshifted: Bools = self.shift == 0
        return unshifted

    @property
    def pooled(self) -> Bools:
        """Which rows [M] are shifted and of known classes."""
        pooled: Bools = (self.shift > 0) & self.labelled[self.shift]
        return pooled

    @property
    def noticeable(self) -> Codes:
        """The indices of the shifts of at least moderate severity."""
        return np.flatnonzero(self.severity >= MODERATE)

    def save(self, file: Path) -> None:
        """Write to a compressed .npz."""
        fields = self._asdict()
        confidences = {_PREFIX + name: values for name, values in fields.pop("confidences").items()}
        with file.open("wb") as stream:
            np.savez_compressed(stream, **fields, **confidences)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read what `save` has written."""
        with np.load(file) as stored:
            arrays = {name: stored[name] for name in stored.files}
        confidences = {name: arrays.pop(name) for name in list(arrays) if name.startswith(_PREFIX)}
        return cls(**arrays, confidences={name.removeprefix(_PREFIX): part for name, part in confidences.items()})


def compact(name: str, confidence: Floats) -> NDArray[np.floating]:
    """Return a confidence [M] as `Rows` holds it."""
    return confidence if name in PROBABILITIES else confidence.astype(np.float32)
