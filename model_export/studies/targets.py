"""What the signals were to reach, beside what they do."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from model_export.studies.bootstrap import LEVEL
from model_export.studies.tables import interval, summarise

ONE_SIDED = 1.645
"""Standard errors that a rate at its bound exceeds once in twenty times."""

ENOUGH_ROWS = 500
"""Calibration rows from which reliability is to be calibrated to 0.03."""

Cell = Callable[[str, str], str]
"""From a data set and an activation to what was measured and whether that is enough."""


def targets(
    scores: pd.DataFrame, windows: pd.DataFrame, comparisons: pd.DataFrame, distinct: Callable[[str, str], int]
) -> pd.DataFrame:
    """Return a row for each target and kind of network it is set for, a column for each data set.

    Args:
        scores: of each confidence on each shift in each run.
        windows: of each shift in each run.
        comparisons: of `reliability` and `typicality` with the baselines.
        distinct: the number of different test rows over all seeds, by data set and kind of network.
    """
    every, curved = tuple(scores["activation"].unique()), ("polynomial",)
    detection = summarise(scores)["detection"]
    rows: dict[str, tuple[tuple[str, ...], Cell]] = {
        "`reliability` no worse than the best single baseline, own errors, unshifted (AUROC)": (
            every,
            lambda name, kind: _best_baseline(_part(comparisons, name, kind, "errors", "auroc")),
        ),
        "`reliability` better than the largest probability, own errors, shifts pooled (AUGRC, Holm p < 0.05)": (
            every,
            lambda name, kind: _against_msp(_part(comparisons, name, kind, "shifted", "augrc")),
        ),
        "`typicality` noticing shift: AUROC at least 0.85": (
            curved,
            lambda name, kind: _at_least(detection.loc[name, kind]["typicality"], 0.85, "{:.3f}"),
        ),
        "the same: at most 0.02 below the best Mahalanobis or kNN distance, one- or two-sided": (
            curved,
            lambda name, kind: _above_best(detection.loc[name, kind], ("mahalanobis", "knn"), -0.02),
        ),
        "the same: at least 0.15 above the largest probability and the energy": (
            curved,
            lambda name, kind: _above_best(detection.loc[name, kind], ("msp", "energy"), 0.15),
        ),
        "`typicality` below 0.01 on unshifted rows": (
            curved,
            lambda name, kind: _false_alarms(
                _unshifted(windows, name, kind)["typicality_below_0_01"].mean(), distinct(name, kind), 0.01
            ),
        ),
        "`typicality` below 0.05 on unshifted rows": (
            curved,
            lambda name, kind: _false_alarms(
                _unshifted(windows, name, kind)["typicality_below_0_05"].mean(), distinct(name, kind), 0.05
            ),
        ),
        f"calibration error of `reliability` at most 0.03, from {ENOUGH_ROWS} calibration rows": (
            every,
            lambda name, kind: _calibration(_unshifted(windows, name, kind)),
        ),
    }
    names = list(scores["set"].unique())
    return pd.DataFrame(
        {
            (target, kind): {name: cell(name, kind) for name in names}
            for target, (kinds, cell) in rows.items()
            for kind in kinds
        }
    ).T.rename_axis(["target", "network"])


def _part(comparisons: pd.DataFrame, name: str, kind: str, question: str, metric: str) -> pd.DataFrame:
    where = {"set": name, "activation": kind, "question": question, "metric": metric}
    return comparisons[np.logical_and.reduce([comparisons[key] == value for key, value in where.items()])]


def _unshifted(windows: pd.DataFrame, name: str, kind: str) -> pd.DataFrame:
    return windows[(windows["set"] == name) & (windows["activation"] == kind) & (windows["shift"] == "none")]


def _best_baseline(part: pd.DataFrame) -> str:
    best = part.sort_values("theirs").iloc[-1]
    measured = f"{interval(best['difference'], best['low'], best['high'])} against `{best['baseline']}`"
    if best["difference"] >= 0:
        return f"reached: {measured}"
    return f"{'not reached' if best['high'] < 0 else 'below, within the error'}: {measured}"


def _against_msp(part: pd.DataFrame) -> str:
    found = part[part["baseline"] == "msp"].iloc[0]
    reached = found["difference"] < 0 and found["p_holm"] < LEVEL
    return _said(reached, f"{interval(found['difference'], found['low'], found['high'])}, p = {found['p_holm']:.3f}")


def _above_best(detection: "pd.Series[float]", kinds: tuple[str, ...], least: float) -> str:
    others = detection[[name for name in detection.index if name.startswith(kinds)]]
    gap = detection["typicality"] - others.max()
    return _said(gap >= least, f"{gap:+.3f} against `{others.idxmax()}`")


def _at_least(value: float, least: float, form: str) -> str:
    return _said(value >= least, form.format(value))


def _false_alarms(rate: float, rows: int, alpha: float) -> str:
    """Judge the mean rate over seeds; its error is that of as many rows as there are different ones."""
    error = (alpha * (1 - alpha) / rows) ** 0.5
    return _said(rate <= alpha + ONE_SIDED * error, f"{rate:.3f}, standard error {error:.3f}")


def _calibration(clean: pd.DataFrame) -> str:
    measured = f"{clean['ece'].mean():.3f} on {clean['rows'].min()} rows"
    rows = clean["calibration_rows"].min()
    if rows < ENOUGH_ROWS:
        return f"not asked, {rows} calibration rows: {measured}"
    return _said(clean["ece"].mean() <= 0.03, measured)


def _said(reached: bool, measured: str) -> str:
    return f"{'reached' if reached else 'not reached'}: {measured}"
