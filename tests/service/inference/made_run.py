"""Scores that no model made."""

from types import SimpleNamespace
from typing import cast

import numpy as np

from service.inference.jobs import Run, Scored
from service.inference.model import Model, Scores
from service.manifest import Manifest


def scored(manifest: Manifest, scores: Scores) -> Scored:
    """Return scores as a run of one request gives them."""
    rows = len(scores["label"])
    model = cast("Model", SimpleNamespace(manifest=manifest))
    return Scored(Run(model, np.zeros((rows, 1)), [0], scores, seconds=0.0), 0, rows)
