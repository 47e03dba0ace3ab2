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

VALIDATION_SHARE = 0.15
"""Of the training rows, where the estimator does not draw them at random; its own share of them."""

_DRAWS = 20
"""Of groups to stop training by, until the others have every class."""

_FEWEST_OF_A_CLASS = 2
"""Rows to learn from."""

Indices = NDArray[np.int64]


class Parts(NamedTuple):
    """Rows for the three uses that must not share any, by their places in the table, in rising order."""

    training: Indices
    calibration: Indices
    test: Indices
    how: str
    """In words"""

    validation: Indices | None = None
    """The training rows that training stops by, which belong together as the parts do; None has the estimator draw"""

    @property
    def validation_mask(self) -> NDArray[np.bool_] | None:
        """Whether training stops by it, of each training row; None has the estimator draw."""
        return None if self.validation is None else np.isin(self.training, self.validation)

    @property
    def learned(self) -> Indices:
        """The training rows without those that training is known to stop by."""
        return self.training if self.validation is None else np.setdiff1d(self.training, self.validation)


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


def split_by_group(groups: NDArray[Any], name: str, classes: Indices | None, seed: int) -> Parts:
    """Return parts no two of which share a group: what holds of them holds of groups never seen.

    Nor do the rows that training stops by share one with those learned from.

    Args:
        groups: of each row [N], none missing.
        name: of the column.
        classes: of each row [N]; None where there are none.
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
    parts = _parts(rest[training], rest[calibration], test, f"by {name}, {len(found)} groups")
    within = codes[parts.training]
    drawn = draw_groups(within, None if classes is None else classes[parts.training], seed)
    validation = parts.training[np.isin(within, drawn)]
    how = f"{parts.how}; training stops by {len(drawn)} of its {len(np.unique(within))}"
    return parts._replace(how=how, validation=validation)


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
    parts = _parts(order[:first], order[first:second], order[second:], f"by {name}, the newest rows last")
    newest = order[round(first * (1 - VALIDATION_SHARE)) : first]
    return parts._replace(how=f"{parts.how}; training stops by its newest", validation=np.sort(newest))


def check_classes(parts: Parts, codes: Indices, classes: tuple[str, ...], target: str) -> None:
    """Refuse parts whose rows to learn from lack a class, as a split by group or time may leave them.

    Raises:
        DataError: naming the class.
    """
    lacking = np.flatnonzero(np.bincount(codes[parts.learned], minlength=len(classes)) < _FEWEST_OF_A_CLASS)
    if len(lacking):
        raise DataError(
            f"split {parts.how}, the {len(parts.learned)} rows to learn from have fewer than {_FEWEST_OF_A_CLASS} of "
            f"{target} {classes[lacking[0]]!r}: split at random, or take that class out"
        )


def draw_groups(codes: Indices, classes: Indices | None, seed: int) -> Indices:
    """Return groups to stop training by, drawn so that they hold about `VALIDATION_SHARE` of the rows.

    The largest group is learned from. Where groups are few and large no draw comes near the share: the nearest is
    taken by the ratio of rows to stop by to rows to learn from, so that neither are but a handful if that can be had.

    Args:
        codes: the group of each training row [n]; at least two groups.
        classes: of each of them [n]; None where there are none.
        seed: of the draw.
    """
    found, within, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    others = np.delete(np.arange(len(found)), sizes.argmax())
    wanted = VALIDATION_SHARE / (1 - VALIDATION_SHARE)
    generator = np.random.default_rng(seed)
    for _ in range(_DRAWS):
        order = generator.permutation(others)
        held_out = np.cumsum(sizes[order])
        enough = 1 + np.abs(np.log(held_out / (len(codes) - held_out) / wanted)).argmin()
        drawn = order[:enough]
        if classes is None:
            break
        counts = np.bincount(classes[~np.isin(within, drawn)], minlength=classes.max() + 1)
        if counts[np.unique(classes)].min() >= _FEWEST_OF_A_CLASS:
            break
    groups: Indices = found[drawn]
    return groups


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
