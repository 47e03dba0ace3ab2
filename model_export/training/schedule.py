"""How DREG's weight λ moves over training."""

from dataclasses import dataclass
from math import cos, pi
from typing import Literal

DEFAULT_LAMBDA = 10**-2.5
"""The one fixed λ of arXiv 2606.23942."""


@dataclass(frozen=True)
class Schedule:
    """λ(t) for t from 0 (start of training) to 1 (end): constant, linear or cosine from `start` to `end`.

    arXiv 2606.07908 finds that the best range depends on how noisy the representation is.

    Raises:
        ValueError: if λ is negative, the kind is unknown, or a constant schedule is given two values.
    """

    start: float = DEFAULT_LAMBDA
    end: float | None = None
    kind: Literal["constant", "linear", "cosine"] = "constant"

    def __post_init__(self) -> None:
        if self.start < 0 or (self.end or 0) < 0:
            raise ValueError(f"λ must not be negative: got start {self.start}, end {self.end}")
        if self.kind not in {"constant", "linear", "cosine"}:
            raise ValueError(f"no schedule is called {self.kind!r}; there are constant, linear and cosine")
        if (self.kind == "constant") != (self.end is None):
            raise ValueError(f"a constant schedule takes a start, any other a start and an end: got {self}")

    def __call__(self, progress: float) -> float:
        """Return λ at `progress`, the share of training that is done, in [0, 1]."""
        if self.end is None:
            return self.start
        share = progress if self.kind == "linear" else (1 - cos(pi * progress)) / 2
        return self.start + (self.end - self.start) * share

    def __str__(self) -> str:
        if self.end is None:
            return f"constant {self.start:.3g}"
        return f"{self.kind} {self.start:.3g} to {self.end:.3g}"
