"""Which rows train, which calibrate and which test: at random, by group or by time."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from model_export.errors import DataError
from model_export.reliability.conformal import FEWEST_ROWS

TEST_SHARE, CALIBRATION_SHARE = 0.2, 0.2
"""Of all rows. The rest trains, a part of it as the validation rows that stop training early."""

Indices = NDArray[np.int64]


class Parts(NamedTuple):
    """Rows for the three uses that must not share any, by their places in the table, in rising order."""

    training: Indices
    calibration: Indices
    test: Indices
    how: str
    """In words"""


def split_at_random(rows: int, classes: Indices | None, seed: int) -> Parts:
    """Return parts drawn at random, each class in all of them alike.

    Args:
        rows: N.
        classes: of each row [N]; None where there are none.
        seed: of the draw.

    Raises:
        DataError: if there are too few rows.
    """
    _check_enough(rows)
    everything = np.arange(rows)
    rest, test = train_test_split(everything, test_size=TEST_SHARE, stratify=classes, random_state=seed)
    of_rest = None if classes is None else classes[rest]
    share = CALIBRATION_SHARE / (1 - TEST_SHARE)
    training, calibration = train_test_split(rest, test_size=share, stratify=of_rest, random_state=seed)
    return _parts(training, calibration, test, "at random" + ("" if classes is None else ", by class"))


def split_by_group(groups: NDArray[Any], name: str, seed: int) -> Parts:
    """Return parts no two of which share a group: what holds of them holds of groups never seen.

    Args:
        groups: of each row [N], none missing.
        name: of the column.
        seed: of the draw.

    Raises:
        DataError: if there are too few rows or groups.
    """
    _check_enough(len(groups))
    codes, found = pd.factorize(groups)
    if len(found) < 5:
        raise DataError(f"{name} has {len(found)} groups, and at least 5 are needed to be split into three parts")
    rest, test = next(GroupShuffleSplit(1, test_size=TEST_SHARE, random_state=seed).split(codes, groups=codes))
    share = CALIBRATION_SHARE / (1 - TEST_SHARE)
    inner = GroupShuffleSplit(1, test_size=share, random_state=seed).split(rest, groups=codes[rest])
    training, calibration = next(inner)
    return _parts(rest[training], rest[calibration], test, f"by {name}, {len(found)} groups")


def split_by_time(days: NDArray[np.float64], name: str) -> Parts:
    """Return the oldest rows to train on, newer ones to calibrate with, and the newest to test on.

    Args:
        days: of each row [N], none missing, or any number that rises with time.
        name: of the column.

    Raises:
        DataError: if there are too few rows.
    """
    _check_enough(len(days))
    order = np.argsort(days, kind="stable")
    first = round(len(days) * (1 - TEST_SHARE - CALIBRATION_SHARE))
    second = round(len(days) * (1 - TEST_SHARE))
    return _parts(order[:first], order[first:second], order[second:], f"by {name}, the newest rows last")


def check_classes(parts: Parts, codes: Indices, classes: tuple[str, ...], target: str) -> None:
    """Refuse parts of which training lacks a class, as a split by group or time may leave it.

    Raises:
        DataError: naming the class.
    """
    lacking = np.flatnonzero(np.bincount(codes[parts.training], minlength=len(classes)) < 2)
    if len(lacking):
        raise DataError(
            f"split {parts.how}, the training rows have fewer than 2 of {target} {classes[lacking[0]]!r}: split at "
            "random, or take that class out"
        )


def _check_enough(rows: int) -> None:
    fewest = round(FEWEST_ROWS / CALIBRATION_SHARE)
    if rows < fewest:
        raise DataError(
            f"the table has {rows} rows with a label, and at least {fewest} are needed to learn and to calibrate"
        )


def _parts(training: Indices, calibration: Indices, test: Indices, how: str) -> Parts:
    for part, rows in (("calibrate with", calibration), ("test on", test)):
        if len(rows) < FEWEST_ROWS:
            raise DataError(f"split {how}, {len(rows)} rows are left to {part}, and at least {FEWEST_ROWS} are needed")
    return Parts(np.sort(training), np.sort(calibration), np.sort(test), how)
