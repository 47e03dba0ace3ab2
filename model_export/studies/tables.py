"""The study's records as tables."""

import pandas as pd
from scipy.stats import kstwobign

from model_export.studies.shifts import MODERATE

_KEYS = ["set", "activation", "confidence"]
_MEASURES = ["auroc", "augrc", "aurc", "fpr95", "risk90"]


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """Return one row per set, activation and confidence, means over seeds.

    errors_auroc, errors_augrc, …: ranking the network's own errors on unshifted test rows.
    shifted_auroc, shifted_augrc, …: the same on all shifted rows whose labels are known, pooled.
    detection: telling shifted rows from unshifted, mean AUROC over shifts of moderate severity or more.
    """
    clean = scores[scores["shift"] == "none"].groupby(_KEYS)[_MEASURES].mean().add_prefix("errors_")
    pooled = scores[scores["shift"] == "all"].groupby(_KEYS)[_MEASURES].mean().add_prefix("shifted_")
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


def unshifted(windows: pd.DataFrame) -> pd.DataFrame:
    """Return means over seeds on unshifted test rows: false alarms of typicality, and calibration of reliability."""
    figures = ["rows", "calibration_rows", "error_rate", "expected_error_rate", "ece"]
    figures += ["typicality_below_0_01", "typicality_below_0_05"]
    clean = windows[windows["shift"] == "none"].groupby(["set", "activation"])
    return clean[figures].mean().astype({"rows": int, "calibration_rows": int})


def uniformity(windows: pd.DataFrame) -> pd.DataFrame:
    """Return each seed's p-value that typicality is uniform on unshifted test rows, a column a seed.

    Kolmogorov and Smirnov's of two samples, the n test rows and the m calibration rows that typicality is a rank
    among: √(nm / (n + m)) times the largest gap, by its limiting distribution.
    """
    clean = windows[windows["shift"] == "none"]
    rows, held_out = clean["rows"], clean["calibration_rows"]
    p = kstwobign.sf((rows * held_out / (rows + held_out)) ** 0.5 * clean["typicality_ks"])
    table = clean.assign(p=p).pivot_table(index=["set", "activation"], columns="seed", values="p")
    return table.add_prefix("seed ")


def noticed(scores: pd.DataFrame) -> pd.DataFrame:
    """Return AUROCs of telling each shift's rows from unshifted ones, of polynomial networks."""
    chosen = ["typicality", "mahalanobis_preactivations, two-sided", "mahalanobis_inputs, two-sided"]
    chosen += ["knn_inputs", "msp"]
    part = scores[(scores["activation"] == "polynomial") & scores["confidence"].isin(chosen) & (scores["severity"] > 0)]
    return part.pivot_table(index=["set", "shift", "severity"], columns="confidence", values="detection")[chosen]


def interval(difference: float, low: float, high: float) -> str:
    """Return a difference with its interval, as it stands in a table's cell."""
    return f"{difference:+.3f} ({low:+.3f} to {high:+.3f})"


def p_value(p: float) -> str:
    """Return a p-value as it stands in a table's cell."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def markdown_table(frame: pd.DataFrame) -> str:
    """Return `frame`, index included, as a Markdown table."""
    flat = frame.reset_index()
    lines = [list(map(str, flat.columns)), ["---"] * len(flat.columns)]
    lines += [["" if pd.isna(value) else str(value) for value in row] for row in flat.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
