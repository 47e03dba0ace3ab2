"""What is measured: which way it is better, and how it is written."""

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd


class Quantity(NamedTuple):
    """What a metric's name stands for."""

    shown: str
    """In a table's head"""

    better: int
    """1 where more is better, −1 where less is, 0 where neither"""

    digits: int
    percent: bool = False
    """Whether a share is written in percent"""

    @property
    def unit(self) -> str:
        """Behind a difference."""
        return " points" if self.percent else ""

    def number(self, value: float) -> str:
        """Return a value as it is written."""
        return f"{value * self._scale:.{self.digits}f}"

    def spread(self, values: "pd.Series[float]") -> str:
        """Return mean ± standard deviation; of one value, that alone."""
        mean = self.number(values.mean())
        return mean if len(values) < 2 else f"{mean} ± {self.number(values.std())}"

    def difference(self, value: float) -> str:
        """Return a difference, with its sign."""
        return f"{value * self._scale:+z.{self.digits}f}"

    @property
    def _scale(self) -> int:
        return 100 if self.percent else 1


QUANTITIES: Mapping[str, Quantity] = {
    "accuracy": Quantity("accuracy, %", 1, 2, percent=True),
    "corruption accuracy": Quantity("corruption accuracy, %", 1, 2, percent=True),
    "robust accuracy": Quantity("robust accuracy (PGD), %", 1, 2, percent=True),
    "log loss": Quantity("log loss", -1, 3),
    "mean absolute error": Quantity("mean absolute error, levels", -1, 3),
    "tail ratio": Quantity("τ", -1, 3),
    "peak gradient volatility": Quantity("peak gradient volatility", -1, 3),
    "mean gradient norm": Quantity("mean ‖J(x)‖", 0, 3),
    "validation accuracy": Quantity("validation accuracy, %", 1, 2, percent=True),
    "seconds": Quantity("seconds", -1, 1),
}
"""By the names of records' metrics, in the order of tables' columns."""


def quantity(metric: str) -> Quantity:
    """Return what `metric` stands for; a plain number where it is not known."""
    return QUANTITIES.get(metric, Quantity(metric, 0, 3))
