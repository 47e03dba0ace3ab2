"""What is known of a request for a prediction, for those who tell of it."""

from dataclasses import dataclass, field

STAGES = ("decode", "queue", "run", "encode")
"""Of a prediction request, in order."""

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
    stages: dict[str, float] = field(default_factory=dict)
    """seconds by `STAGES`, as far as it came"""
