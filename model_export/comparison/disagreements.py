"""Where two versions answer differently, and which of them is right there."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.comparison.judged import Judged

_MOST_CELLS, _MOST_PLACES = 5, 5


class Cell(NamedTuple):
    """Rows that the old version answers in one way and the new one in another."""

    old: str
    new: str
    rows: int
    old_right: int
    new_right: int
    places: tuple[str, ...]
    """the first few"""


class Disagreements(NamedTuple):
    """What the versions answer differently; a number, if it differs by more than the old version's tolerance."""

    rows: int
    old_right: int
    """of a number, where the old version is nearer to the truth"""
    new_right: int
    neither: int
    cells: tuple[Cell, ...]
    """the largest, of classes"""
    places: tuple[str, ...]
    """the first few; of numbers, those that differ most"""


def find_disagreements(
    old: Judged, new: Judged, places: Sequence[str], tolerance: float | None = None
) -> Disagreements:
    """Return where the versions differ.

    Args:
        old: its answers.
        new: its answers to the same rows.
        places: where each row stands.
        tolerance: of numbers, a difference beyond which they count as different.
    """
    if tolerance is None:
        rows = np.flatnonzero(old.said != new.said)
        return _disagreements(rows, old.right, new.right, places, _cells(rows, old, new, places))
    apart = np.abs(old.said.astype(np.float64) - new.said.astype(np.float64))
    rows = np.flatnonzero(apart > tolerance)
    rows = rows[np.argsort(-apart[rows], kind="stable")]
    return _disagreements(rows, old.error < new.error, new.error < old.error, places, ())


def _disagreements(
    rows: NDArray[np.int64],
    old: NDArray[np.bool_],
    new: NDArray[np.bool_],
    places: Sequence[str],
    cells: tuple[Cell, ...],
) -> Disagreements:
    old_right, new_right = (int(np.count_nonzero(right[rows])) for right in (old, new))
    first = tuple(places[row] for row in rows[:_MOST_PLACES])
    return Disagreements(len(rows), old_right, new_right, len(rows) - old_right - new_right, cells, first)


def _cells(rows: NDArray[np.int64], old: Judged, new: Judged, places: Sequence[str]) -> tuple[Cell, ...]:
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in rows.tolist():
        found[old.said[row], new.said[row]].append(row)
    largest = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))[:_MOST_CELLS]
    return tuple(
        Cell(
            *said,
            len(within),
            int(old.right[within].sum()),
            int(new.right[within].sum()),
            tuple(places[row] for row in within[:_MOST_PLACES]),
        )
        for said, within in largest
    )
