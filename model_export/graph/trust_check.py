"""Typicality and reliability of any model's outputs, held against the manifest's figures."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from model_export.graph.finding import Finding, require
from service.inference.model import Scores
from service.manifest import Reference

_FEWEST_ROWS = 100
"""With so many calibration rows none of the usual half is in the tail of either half, where trust falls below 1."""


def check_typicality(reference: Reference, scores: Scores) -> None:
    """Check that typicality stays where its calibration rows allow.

    Raises:
        VerificationError: if it does not.
    """
    typicality = scores["typicality"].astype(np.float64)
    within = (typicality >= reference.smallest_typicality - 1e-6) & (typicality <= 1 + 1e-6)
    require(within.all(), "typicality leaves the range that its calibration rows allow")


def check_trust(reference: Reference, scores: Scores, confidence: NDArray[np.float64]) -> Iterator[Finding]:
    """Check that reliability is what the manifest's weights make of rows' confidence [N], as `Confidence` takes it.

    Yields:
        That it could be checked in part alone, if so.

    Raises:
        VerificationError: if it is something else.
    """
    typicality, reliability = (scores[name].astype(np.float64) for name in ("typicality", "reliability"))
    intercept, slope, chance = reference.reliability_weights
    trusted = 1 / (1 + np.exp(-intercept - slope * confidence))
    usual = (typicality > 0.5) & (reference.rows >= _FEWEST_ROWS)
    require(
        np.allclose(reliability[usual], trusted[usual], atol=1e-3)
        and (reliability <= np.maximum(trusted, chance) + 1e-3).all()
        and (reliability >= np.minimum(trusted, chance) - 1e-3).all(),
        "reliability is not what the manifest's weights make of it",
    )
    if not usual.any():
        yield Finding("reliability could be checked for its range alone: no row is sure to be usual", checked=False)
