"""What happens to the pumps' measurements over the demo's day."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deploy.demo.pumps import PRESSURE, TEMPERATURE, VIBRATION


class Phase(NamedTuple):
    """A part of the day."""

    begins: float
    """hour of the day"""
    name: str


PHASES: Final = (
    Phase(0.0, "clean traffic"),
    Phase(8.0, "unit mistake: temperature arrives in °F"),
    Phase(11.0, "corrected: clean traffic"),
    Phase(13.0, "slow drift: the vibration sensor reads ever higher, and pressure is missing ever more often"),
    Phase(19.0, "recovered: clean traffic"),
)
MISTAKE, DRIFT = PHASES[1], PHASES[3]

_DRIFT_END: Final = PHASES[4].begins


def phase_at(hour: float) -> Phase:
    """Return the phase of an hour in [0, 24]."""
    return [phase for phase in PHASES if phase.begins <= hour][-1]


def requests_a_second(hour: float) -> float:
    """Return how busy the fleet is: three requests a second at midnight, seven at noon."""
    return float(5.0 - 2.0 * np.cos(2.0 * np.pi * hour / 24.0))


def distort(rows: NDArray[np.float64], hour: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return rows [N, 5] as they arrive at an hour of the day."""
    rows = rows.copy()
    match phase_at(hour):
        case phase if phase is MISTAKE:
            rows[:, TEMPERATURE] = 32.0 + 1.8 * rows[:, TEMPERATURE]
        case phase if phase is DRIFT:
            progress = (hour - DRIFT.begins) / (_DRIFT_END - DRIFT.begins)
            rows[:, VIBRATION] *= 1.0 + 1.5 * progress
            rows[generator.random(len(rows)) < 0.4 * progress, PRESSURE] = np.nan
        case _:
            pass
    return rows.round(3)
