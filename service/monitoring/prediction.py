"""What is known of a request for a prediction, for those who tell of it."""

from dataclasses import dataclass
from typing import NamedTuple


class Stages(NamedTuple):
    """Seconds of a prediction request's stages, in order."""

    decode: float
    queue: float
    run: float
    encode: float


PREDICTION_KEY = "chainzrule.prediction"
"""Where a request's scope holds it."""


@dataclass(slots=True)
class Prediction:
    """One request for a prediction; filled in as it goes."""

    model: str
    version: str
    began: float
    """by `perf_counter`, when decoding began"""
    ended: float | None = None
    """when its answer was written"""
    rows: int | None = None
    decode: float | None = None
    """seconds that took"""
    stages: Stages | None = None
    """once it is answered"""
