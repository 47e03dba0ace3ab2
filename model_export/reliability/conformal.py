"""Conformal p-values as a function that a graph can hold."""

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model_export.errors import DataError

FEWEST_ROWS = 20
"""With fewer calibration rows the smallest p-value is above 0.05, and says little."""

_ALARM_RATES = (0.01, 0.05, 0.1)

_STEEPEST = 6.0
"""Largest slope of p, per interquartile range of the calibration distances; in the middle it is usually about 2."""


class ConformalScale(nn.Module):
    """Turns a distance into the conformal p-value of its rank among n calibration distances.

    p₊(s) = (1 + #{sᵢ ≥ s}) / (n + 1), or two-sided min(1, 2 min(p₊, p₋)) with p₋ likewise with ≤ (Vovk, Gammerman and
    Shafer, "Algorithmic Learning in a Random World", 2005). It is tabulated at every rank in the tails and ever more
    sparsely towards the middle, and linear in between; between neighbouring ranks the line lies above the step, so p
    errs on the safe side. The smallest p-value is 1 / (n + 1), two-sided 2 / (n + 1).

    Args:
        knots: ascending distances [M + 1].
        levels: p at each knot [M + 1], smallest at the last.
    """

    starts: Tensor
    scales: Tensor
    steps: Tensor
    last: Tensor

    def __init__(self, knots: NDArray[np.float64], levels: NDArray[np.float64]) -> None:
        super().__init__()
        # A sum of clipped ramps: each in [0, 1], so float32 holds where a sum of hinges would cancel.
        # They rise from the right, where p is smallest and matters most.
        self.register_buffer("starts", torch.from_numpy(knots[1:]))
        self.register_buffer("scales", torch.from_numpy(-1 / np.diff(knots)))
        self.register_buffer("steps", torch.from_numpy(-np.diff(levels)))
        self.register_buffer("last", torch.tensor(levels[-1]))

    @classmethod
    def fit(cls, distances: NDArray[np.float64], *, two_sided: bool = True) -> Self:
        """Return the scale of held-out calibration distances [n]; two-sided if a distance may also be too small.

        Raises:
            DataError: with fewer than `FEWEST_ROWS` rows, or if one distance is not finite.
        """
        rows = len(distances)
        if rows < FEWEST_ROWS:
            raise DataError(f"{rows} calibration rows are too few for a p-value: give at least {FEWEST_ROWS}")
        if not np.isfinite(distances).all():
            raise DataError(f"{np.count_nonzero(~np.isfinite(distances))} calibration rows have no finite signature")
        ordered = np.sort(distances)
        above = 1 + rows - np.searchsorted(ordered, ordered, side="left")
        below = 1 + np.searchsorted(ordered, ordered, side="right")
        levels = np.minimum(1.0, 2 * np.minimum(above, below) / (rows + 1)) if two_sided else above / (rows + 1)
        # Where neighbours are so close that the ramp between them would be far steeper than usual, and so magnify
        # float32's rounding, or are equal, they are one knot with the larger level.
        spread = max(float(np.subtract(*np.quantile(ordered, [0.75, 0.25]))) or abs(float(ordered[-1])), 1e-12)
        floor = (2 if two_sided else 1) / (rows + 1)
        gap = max(floor * spread / _STEEPEST, 1e-6 * abs(float(ordered[-1])))
        knots, values = [ordered[0] - gap, ordered[0]], [floor if two_sided else 1.0, levels[0]]
        for rank in _chosen_ranks(rows, floor)[1:]:
            if ordered[rank] - knots[-1] < max(abs(levels[rank] - values[-1]) * spread / _STEEPEST, gap * (1 - 1e-9)):
                values[-1] = max(values[-1], levels[rank])
            else:
                knots.append(ordered[rank])
                values.append(levels[rank])
        end = ordered[-1] + gap
        if knots[-1] < ordered[-1]:
            # The largest are merged into a knot below them: a steeper ramp would fall below the step there.
            end = max(end, knots[-1] + (values[-1] - floor) * spread / _STEEPEST)
        return cls(np.array([*knots, end]), np.array([*values, floor]))

    @property
    def smallest(self) -> float:
        """The p-value of a distance beyond all calibration rows."""
        return float(self.last)

    def forward(self, distance: Tensor) -> Tensor:
        """Return p [N] in (0, 1] of distances [N]."""
        ramps = torch.clamp((distance.unsqueeze(1) - self.starts) * self.scales, 0, 1)
        return self.last + ramps @ self.steps


def false_alarm_rate(smallest: float) -> float:
    """Return the smallest of 1, 5 and 10 % that a p-value with the floor `smallest` can fall below.

    Strictly below: at equality float32's rounding would decide.
    """
    return next(rate for rate in _ALARM_RATES if rate > smallest)


def _chosen_ranks(rows: int, smallest: float) -> NDArray[np.int64]:
    """Return ascending ranks: the eight outermost at either end, then ever sparser, an eighth of the half at most.

    The outermost whose p-value is above the false-alarm rate is always among them: however coarse the table is
    further in, no row that the exact p-value would let pass raises an alarm.
    """
    half = rows // 2
    geometric = 2 ** np.arange(0, np.log2(max(half, 2)), 0.5)
    alarm = false_alarm_rate(smallest) / smallest - 1
    from_end = np.concatenate([np.arange(min(9, half + 1)), geometric, np.linspace(0, half, 9), [alarm, alarm + 1]])
    from_end = from_end.astype(np.int64)
    from_end = np.unique(from_end[from_end <= half])
    return np.unique(np.concatenate([from_end, rows - 1 - from_end]))
