"""The study's figure: what share of the accepted predictions is wrong, by how many are accepted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model_export.studies import metrics
from model_export.studies.rows import Floats, Rows
from model_export.studies.runs import Records

DISTANCES = ("mahalanobis", "knn", "fdbd")
COVERAGE = np.linspace(0.05, 1, 96)
"""Below a twentieth, few rows decide."""

# Fixed, so that the same records give the same bytes.
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "chainzrule",
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 12,
}


class _Line(NamedTuple):
    label: str
    colour: str
    dashes: str
    width: float


# Colours that the colour-blind tell apart (Okabe and Ito, 2008).
_LINES = {
    "reliability": _Line("reliability", "#0072B2", "-", 2.6),
    "msp": _Line("largest probability", "#D55E00", "-", 1.6),
    "distance": _Line("best distance, named in the panel", "#009E73", "-", 1.6),
    "ensemble": _Line("ensemble of five", "#CC79A7", "--", 1.6),
    "oracle": _Line("oracle", "#777777", ":", 1.6),
}


def risk_coverage_figure(records: Records, file: Path) -> None:
    """Draw selective risk against coverage, mean over seeds, of polynomial networks: a column for each data set.

    Above on unshifted test rows, below on all shifts with known labels, pooled. The best distance is the one of
    lowest AUGRC on the very rows that are drawn, which flatters it.
    """
    names = list(records.scores["set"].unique())
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.2 * len(names) + 0.4, 7.6), layout="constrained")
        axes = figure.subplots(2, len(names), squeeze=False)
        for column, name in enumerate(names):
            seeds = records.rows(name, "polynomial")
            for row, (shift, title) in enumerate({"none": "no shift", "all": "all shifts pooled"}.items()):
                _panel(axes[row, column], seeds, shift, _best_distance(records.scores, name, shift))
                axes[row, column].set_title(f"{name}, {title}")
        for panel in axes[:, 0]:
            panel.set_ylabel("errors among the accepted")
        for panel in axes[-1]:
            panel.set_xlabel("coverage: share accepted")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2 * len(names) - 1, frameon=False)
        figure.savefig(file, metadata={"Date": None})


def _panel(panel: Axes, seeds: Sequence[Rows], shift: str, distance: str) -> None:
    for name, line in _LINES.items():
        chosen = distance if name == "distance" else name
        risks = np.mean([_risk(rows, shift, chosen) for rows in seeds], axis=0)
        panel.plot(COVERAGE, risks, color=line.colour, linestyle=line.dashes, linewidth=line.width, label=line.label)
    panel.text(0.03, 0.97, f"best distance:\n{distance}", transform=panel.transAxes, va="top", fontsize=9)
    panel.set_xlim(0, 1)
    panel.set_ylim(0, panel.get_ylim()[1] * 1.25)
    panel.grid(color="#dddddd", linewidth=0.6)
    panel.spines[["top", "right"]].set_visible(False)


def _risk(rows: Rows, shift: str, name: str) -> Floats:
    """Return the selective risk at `COVERAGE`."""
    part = rows.unshifted if shift == "none" else rows.pooled
    wrong = rows.wrong[part]
    confidence = 1.0 - wrong if name == "oracle" else rows.confidences[name][part]
    coverage, errors = metrics.risk_coverage(confidence, wrong)
    return np.interp(COVERAGE, coverage[1:], errors[1:] / coverage[1:])


def _best_distance(scores: pd.DataFrame, name: str, shift: str) -> str:
    part = scores[(scores["set"] == name) & (scores["activation"] == "polynomial") & (scores["shift"] == shift)]
    means = part[part["confidence"].str.startswith(DISTANCES)].groupby("confidence")["augrc"].mean()
    return str(means.idxmin())
