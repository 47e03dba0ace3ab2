"""ChainzRule against every other contender, on whatever the paper claims, by the test that suits the design."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from model_export.reproduction.paper import CLAIMS
from model_export.reproduction.quantities import quantity
from model_export.reproduction.records import CHAINZRULE
from model_export.reproduction.statistics import LEVEL, bonferroni, corrected_t, least_p, signed_rank

BETTER, WORSE, UNSHOWN = "better", "worse", "not shown to differ"

FOLDS, SEEDS = "corrected t", "signed rank"
"""The tests: of repeated cross-validation, and of seeds."""

COLUMNS = (
    *("experiment", "metric", "contender", "test", "pairs", "ours", "theirs"),
    *("difference", "low", "high", "p", "effect", "effect_low", "effect_high", "p_bonferroni", "verdict"),
)


def usual(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the records of all training rows and unaltered test rows."""
    return frame[(frame["fraction"] == 1) & (frame["condition"] == "")]


def has_folds(frame: pd.DataFrame) -> bool:
    """Return whether records are those of a cross-validation."""
    return bool(frame["fold"].nunique() > 1)


def compare(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return a row for each contender beside ChainzRule, on each experiment and metric that the paper claims.

    Differences are ChainzRule's minus the contender's, paired by seed and fold, of all training rows and unaltered test
    rows; fewer than two pairs are not compared. `p_bonferroni` is over all rows returned; the verdict is by it, at 5 %.

    Args:
        frames: records by experiment.

    Returns:
        a frame of `COLUMNS`; `difference` is a mean where the test is `FOLDS`, Hodges and Lehmann's where it is
        `SEEDS`; `effect` is d_z there, and the rank-biserial correlation here.
    """
    wanted = dict.fromkeys((claim.experiment, claim.metric) for claim in CLAIMS)
    found = [row for name, metric in wanted if name in frames for row in _compared(name, metric, frames[name])]
    frame = pd.DataFrame(found, columns=list(COLUMNS[:-2]))
    frame["p_bonferroni"] = bonferroni(frame["p"].to_numpy(dtype=np.float64))
    frame["verdict"] = [_verdict(row) for row in frame.to_dict("records")]
    return frame


def hopeless(comparisons: pd.DataFrame) -> "pd.Series[bool]":
    """Return which comparisons could not have shown anything: of so few seeds that no p-value is small enough."""
    least = comparisons["pairs"].map(least_p) * len(comparisons)
    return (comparisons["test"] == SEEDS) & (least >= LEVEL)


def _compared(name: str, metric: str, frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    part = usual(frame)
    part = part[part["metric"] == metric]
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
            "experiment": name,
            "metric": metric,
            "contender": contender,
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
