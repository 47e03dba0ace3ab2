"""What an experiment consists of, and what it leaves behind."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

CHAINZRULE = "ChainzRule"
"""The contender that everything is compared with: polynomials and DREG."""


class Record(NamedTuple):
    """One measured number."""

    contender: str
    parameters: int
    """Trained numbers of the network, coefficients of polynomials included; 0 where a method has no such count"""

    metric: str
    value: float

    seed: int = 0
    fold: int = 0
    """Of a cross-validation whose repeats are the seeds"""

    fraction: float = 1.0
    """Share of the training rows"""

    condition: str = ""
    """What was done to the test rows, or which variant this is; empty for nothing and the usual one"""


class Outcome(NamedTuple):
    """What one unit leaves behind."""

    records: Sequence[Record]

    notes: Mapping[str, Any]
    """Whatever explains them, such as the settings chosen on validation rows; JSON"""


@dataclass(frozen=True)
class Unit:
    """The piece of an experiment that is run, kept and resumed as a whole.

    Args:
        name: unique within its experiment, and safe as the name of a file.
        settings: all that decides the outcome, as JSON has it; where a kept unit's differ, it is run again.
        seconds: how long it is expected to take on one core, until that has been seen.
        run: does it.
    """

    name: str
    settings: Mapping[str, Any]
    seconds: float
    run: Callable[[], Outcome]


class Experiment(NamedTuple):
    """One line of the paper's table."""

    title: str
    data: str
    """The data set, its rows, and what of it is not at hand"""

    protocol: str
    """Splits, seeds, choices, in a sentence or two"""

    units: Callable[[bool], Sequence[Unit]]
    """By whether it is to be quick; the order is that of running, and a truncated run is useful"""
