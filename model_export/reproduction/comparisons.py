"""ChainzRule against every other contender, on whatever the paper claims, by the test that suits the design."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from model_export.reproduction.paper import CLAIMS, Claim
from model_export.reproduction.quantities import quantity
from model_export.reproduction.records import CHAINZRULE
from model_export.reproduction.statistics import LEVEL, bonferroni, corrected_t, least_p, signed_rank

BETTER, WORSE, UNSHOWN = "better", "worse", "not shown to differ"

FOLDS, SEEDS = "corrected t", "signed rank"
"""The tests: of repeated cross-validation, and of seeds."""

COLUMNS = (
    *(
        "experiment",
        "metric",
        "contender",
        "condition",
        "test",
        "pairs",
        "ours",
        "theirs",
        "difference",
        "low",
        "high",
        "p",
    ),
    *("effect", "effect_low", "effect_high", "p_bonferroni", "verdict"),
)


def usual(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the records of all training rows and unaltered test rows."""
    return frame[(frame["fraction"] == 1) & (frame["condition"] == "")]


def claimed(claim: Claim, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the records that a claim is about: of its metric, ChainzRule's usual ones and the others' as it says."""
    condition = np.where(frame["contender"] == CHAINZRULE, "", claim.against)
    return frame[(frame["metric"] == claim.metric) & (frame["condition"] == condition)]


def of_claim(claim: Claim, comparisons: pd.DataFrame) -> pd.DataFrame:
    """Return the comparisons that belong to a claim."""
    where = {"experiment": claim.experiment, "metric": claim.metric, "condition": claim.against}
    return comparisons[np.logical_and.reduce([comparisons[key] == value for key, value in where.items()])]


def has_folds(frame: pd.DataFrame) -> bool:
    """Return whether records are those of a cross-validation."""
    return bool(frame["fold"].nunique() > 1)


def compare(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return a row for each contender beside ChainzRule, on each experiment and metric that the paper claims.

    Differences are ChainzRule's minus the contender's, paired by seed and fold, of all training rows and unaltered test
    rows, the contender's under the condition that the paper compares it in; fewer than two pairs are not compared. `p_bonferroni` is over all rows returned; the verdict is
    by it, at 5 %.

    Args:
        frames: records by experiment.

    Returns:
        a frame of `COLUMNS`; `difference` is a mean where the test is `FOLDS`, Hodges and Lehmann's where it is
        `SEEDS`; `effect` is d_z there, and the rank-biserial correlation here.
    """
    claims = [claim for claim in CLAIMS if claim.experiment in frames]
    found = [row for claim in claims for row in _compared(claim, claimed(claim, frames[claim.experiment]))]
    frame = pd.DataFrame(found, columns=list(COLUMNS[:-2]))
    frame["p_bonferroni"] = bonferroni(frame["p"].to_numpy(dtype=np.float64))
    frame["verdict"] = [_verdict(row) for row in frame.to_dict("records")]
    return frame


def hopeless(comparisons: pd.DataFrame) -> "pd.Series[bool]":
    """Return which comparisons could not have shown anything: of so few seeds that no p-value is small enough."""
    least = comparisons["pairs"].map(least_p) * len(comparisons)
    return (comparisons["test"] == SEEDS) & (least >= LEVEL)


def _compared(claim: Claim, part: pd.DataFrame) -> Iterator[dict[str, Any]]:
    part = part[part["fraction"] == 1]
    # Contenders stand side by side, a row for each seed and fold.
    values = part.pivot_table(index=["seed", "fold"], columns="contender", values="value")
    for contender in part["contender"].unique():
        if contender == CHAINZRULE or CHAINZRULE not in values:
            continue
        pairs = values[[CHAINZRULE, contender]].dropna()
        if len(pairs) < 2:
            continue
        differences = (pairs[CHAINZRULE] - pairs[contender]).to_numpy()
        tested = corrected_t(differences, part["fold"].nunique()) if has_folds(part) else signed_rank(differences)
        yield {
            "experiment": claim.experiment,
            "metric": claim.metric,
            "contender": contender,
            "condition": claim.against,
            "test": FOLDS if has_folds(part) else SEEDS,
            "pairs": len(pairs),
            "ours": pairs[CHAINZRULE].mean(),
            "theirs": pairs[contender].mean(),
            **tested._asdict(),
        }


def _verdict(row: Mapping[Any, Any]) -> str:
    if row["p_bonferroni"] >= LEVEL:
        return UNSHOWN
    return BETTER if row["difference"] * quantity(row["metric"]).better > 0 else WORSE
