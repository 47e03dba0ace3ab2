"""The study's records as tables to read."""

from collections.abc import Iterator

import pandas as pd

from model_export.studies.reliability import ACTIVATIONS
from model_export.studies.shifts import MODERATE

_KEYS = ["set", "activation", "confidence"]


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """Return one row per set, activation and confidence, means over seeds.

    errors_auroc, errors_augrc: ranking the network's own errors on unshifted test rows.
    shifted_auroc, shifted_augrc: the same on all shifted rows whose labels are known, pooled.
    detection: telling shifted rows from unshifted, mean AUROC over shifts of moderate severity or more.
    """
    clean = scores[scores["shift"] == "none"].groupby(_KEYS)[["auroc", "augrc"]].mean().add_prefix("errors_")
    pooled = scores[scores["shift"] == "all"].groupby(_KEYS)[["auroc", "augrc"]].mean().add_prefix("shifted_")
    noticed = scores[scores["severity"] >= MODERATE].groupby(_KEYS)["detection"].mean()
    return clean.join(pooled).join(noticed)


def foresight(windows: pd.DataFrame) -> pd.DataFrame:
    """Return Spearman's correlation, over shifts and seeds, of each figure of a window with its error rate."""
    figures = ["expected_error_rate", "msp_error_rate", "tail_ratio", "typicality_ks"]
    known = windows[(windows["shift"] != "all") & (windows["error_rate"] < 1)]
    parts = known.groupby(["set", "activation"])
    return pd.DataFrame(
        {keys: part[figures].corrwith(part["error_rate"], method="spearman") for keys, part in parts}
    ).T.rename_axis(["set", "activation"])


def markdown(scores: pd.DataFrame, windows: pd.DataFrame) -> str:
    """Return the whole report."""
    return "\n".join(_sections(scores, windows)) + "\n"


def _sections(scores: pd.DataFrame, windows: pd.DataFrame) -> Iterator[str]:
    seeds = scores["seed"].nunique()
    yield "# What the signals are worth"
    yield ""
    yield (
        f"Made by `chainzrule study`, seeds 0 to {seeds - 1}. AUROC: higher is better, 0.5 is chance. AUGRC: lower is "
        "better. Columns: ranking the network's own errors on unshifted test rows; the same on all shifted rows with "
        "known labels, pooled; telling shifted rows from unshifted, mean over shifts of at least moderate severity."
    )
    summary = summarise(scores)
    for name in scores["set"].unique():
        for activation in ACTIVATIONS:
            yield from ("", f"## {name}, {activation}", "", _table(summary.loc[(name, activation)].round(3)))
    yield from ("", "## Noticing each shift (polynomial networks)", "", "AUROC of telling shifted rows from unshifted.")
    chosen = [
        "typicality",
        "mahalanobis_preactivations, two-sided",
        "mahalanobis_inputs, two-sided",
        "knn_inputs",
        "msp",
    ]
    part = scores[(scores["activation"] == "polynomial") & scores["confidence"].isin(chosen) & (scores["severity"] > 0)]
    by_shift = part.pivot_table(index=["set", "shift", "severity"], columns="confidence", values="detection")
    yield from ("", _table(by_shift[chosen].round(3)))
    yield from ("", "## Unshifted test rows", "", "False alarms of typicality, and calibration of reliability.", "")
    clean = windows[windows["shift"] == "none"].groupby(["set", "activation"])
    figures = ["rows", "error_rate", "expected_error_rate", "ece", "typicality_below_0_01", "typicality_below_0_05"]
    yield _table(clean[figures].mean().round(3))
    yield from ("", "## Foretelling a window's error rate", "", "Spearman's correlation over shifts and seeds.", "")
    yield _table(foresight(windows).round(2))


def _table(frame: pd.DataFrame) -> str:
    flat = frame.reset_index()
    lines = [list(map(str, flat.columns)), ["---"] * len(flat.columns)]
    lines += [["" if pd.isna(value) else str(value) for value in row] for row in flat.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
