"""A run's rows with confidences of a known worth."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from model_export.studies.rows import SOURCE, Rows

TEST_ROWS, OWN_ROWS = 200, 80
NAMES = ("none", "noise", "blur", "new class", "other texts")
SEVERITY = (0, 1, 2, 2, 3)
LABELLED = (True, True, True, False, True)
OWN = (False, False, False, True, True)


def make_rows(worth: Mapping[str, float], seed: int = 0) -> Rows:
    """Rows of which about 3 in 10 are wrong; a confidence is the truth times its worth, plus noise of its own.

    Of "msp" the log-odds are that. A test row is wrong in all shifts or in none, and its noise is the same in all:
    its copies say nothing new.
    """
    generator = np.random.default_rng(seed)
    sizes = [OWN_ROWS if own else TEST_ROWS for own in OWN]
    identity = np.concatenate(
        [number * SOURCE * own + np.arange(size) for number, (own, size) in enumerate(zip(OWN, sizes, strict=True))]
    )
    known, of = np.unique(identity, return_inverse=True)
    wrong = generator.random(len(known)) < 0.3
    confidences: dict[str, NDArray[np.floating]] = {
        name: (generator.normal(size=len(known)) - times * wrong)[of].astype(np.float32)
        for name, times in worth.items()
    }
    if "msp" in confidences:
        confidences["msp"] = expit(confidences["msp"].astype(np.float64))
    return Rows(
        identity=identity,
        shift=np.repeat(np.arange(len(NAMES)), sizes),
        names=np.array(NAMES),
        severity=np.array(SEVERITY),
        labelled=np.array(LABELLED),
        wrong=wrong[of],
        confidences=confidences,
    )
