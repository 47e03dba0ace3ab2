"""A table whose law is known: measurements of made-up pumps, and whether each fails within a month.

Real data would have to be shipped; these can be drawn without end, so the demo's clean traffic is truly drawn as the
training rows were.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

UNITS: Final = {"temperature": "°C", "vibration": "mm/s", "pressure": "bar", "flow": "L/min", "age": "years"}
CLASSES: Final = ("healthy", "failing")

TEMPERATURE, VIBRATION, PRESSURE, FLOW, AGE = range(len(UNITS))
"""Columns."""

MISSING_PRESSURE: Final = 0.05
"""Share of the rows whose pressure gauge gave nothing."""


class Pumps(NamedTuple):
    """Measurements and outcomes, row for row."""

    rows: NDArray[np.float64]
    """[N, 5], in the order of UNITS; NaN where a value is missing"""
    labels: NDArray[np.int64]
    """[N], index into CLASSES"""


def draw(generator: np.random.Generator, count: int) -> Pumps:
    """Return `count` independent pumps."""
    temperature = generator.normal(60.0, 8.0, count)
    age = generator.uniform(0.0, 15.0, count)
    vibration = np.exp(0.4 + 0.05 * age + 0.3 * generator.normal(size=count))
    flow = generator.normal(120.0, 15.0, count)
    excess = generator.normal(size=count)
    pressure = 2.0 + 0.03 * flow + 0.4 * excess
    heat, shake = (temperature - 60.0) / 8.0, (np.log(vibration) - 0.775) / 0.37
    # Pumps fail when too hot or too cold, when they shake, and when they press harder than their flow explains.
    log_odds = 3.0 * (0.7 * heat**2 + 0.9 * shake + 0.6 * excess - 1.0)
    labels = (generator.random(count) < 1.0 / (1.0 + np.exp(-log_odds))).astype(np.int64)
    pressure[generator.random(count) < MISSING_PRESSURE] = np.nan
    return Pumps(np.column_stack([temperature, vibration, pressure, flow, age]).round(3), labels)
