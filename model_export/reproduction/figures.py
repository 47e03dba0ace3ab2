"""The figures, each as SVG and as PNG, the same bytes from the same records."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from model_export.reproduction.polynomial_curves import AFTER, BEFORE, curves
from model_export.reproduction.quantities import quantity
from model_export.reproduction.records import CHAINZRULE
from model_export.reproduction.summary_table import severities, share

# Fixed, so that the same records give the same bytes.
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "chainzrule",
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
}

# Colours that the colour-blind tell apart (Okabe and Ito, 2008); what is no network is grey.
_COLOURS = {"polynomial": "#0072B2", "relu": "#D55E00", "gelu": "#009E73", "silu": "#CC79A7", "tanh": "#E69F00"}
_GREYS = ("#222222", "#666666", "#999999")
_MARKERS = "osDv^<>Px"


class Drawn(NamedTuple):
    """A figure that was written."""

    title: str
    stem: str
    """The name of its files without .svg and .png"""


def write_figures(frames: Mapping[str, pd.DataFrame], folder: Path) -> list[Drawn]:
    """Draw every figure that the records allow into `folder`."""
    with mpl.rc_context(_STYLE):
        return list(_figures(frames, folder))


def _figures(frames: Mapping[str, pd.DataFrame], folder: Path) -> Iterator[Drawn]:
    for metric, words, stem in (
        ("tail ratio", "τ = p99 / mean of ‖J(x)‖ by share of the training rows", "tail_ratio_by_fraction"),
        ("accuracy", "Accuracy by share of the training rows", "accuracy_by_fraction"),
    ):
        panels = {name: _of_fractions(frame, metric) for name, frame in frames.items()}
        panels = {name: part for name, part in panels.items() if part["fraction"].nunique() > 1}
        if panels:
            _save(_bands(panels, "fraction", metric), folder / stem)
            yield Drawn(words, stem)
    panels = {name: part for name, frame in frames.items() if not (part := severities(frame)).empty}
    if panels:
        stem = "corruption_by_severity"
        _save(_bands(panels, "severity", "accuracy"), folder / stem)
        yield Drawn("Accuracy by severity of corruption, mean over corruptions; 0 is unaltered", stem)
    for name, frame in frames.items():
        points = curves(frame[frame["contender"] == CHAINZRULE])
        if not points.empty:
            stem = f"polynomials_{name}"
            _save(_polynomials(points[points["unit"] == points["unit"].iloc[0]]), folder / stem)
            yield Drawn(f"Learned polynomials of {name}, before training and after; some neurons of each layer", stem)


def _of_fractions(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    return frame[(frame["metric"] == metric) & (frame["condition"] == "")]


def _bands(panels: Mapping[str, pd.DataFrame], x: str, metric: str) -> Figure:
    """Return a figure of means with bands of ± one standard deviation, a panel for each experiment."""
    kind = quantity(metric)
    figure = Figure(figsize=(5.6 * len(panels) + 2.6, 5.0), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    lines: dict[str, Any] = {}
    for panel, (name, part) in zip(axes, panels.items(), strict=True):
        contenders = list(part["contender"].unique())
        for contender in contenders:
            values = part[part["contender"] == contender].groupby(x)["value"]
            mean, spread = (moment * (100 if kind.percent else 1) for moment in (values.mean(), values.std().fillna(0)))
            style = _style(contender, contenders)
            (line,) = panel.plot(mean.index, mean, **style)
            lines.setdefault(contender, line)
            band = 0.18 if contender == CHAINZRULE else 0.025
            panel.fill_between(mean.index, mean - spread, mean + spread, color=style["color"], alpha=band, linewidth=0)
        panel.set_title(name)
        _horizontal(panel, x, sorted(part[x].unique()))
    axes[0].set_ylabel(f"{kind.shown}, mean ± sd")
    figure.legend(list(lines.values()), list(lines), loc="outside right center", frameon=False)
    return figure


def _horizontal(panel: Axes, x: str, places: Sequence[float]) -> None:
    if x == "fraction":
        panel.set_xscale("log")
        panel.set_xlabel("share of the training rows")
        panel.xaxis.set_major_locator(FixedLocator(places))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_xticklabels([share(place) for place in places])
    else:
        panel.set_xlabel("severity")


def _style(contender: str, contenders: Sequence[str]) -> dict[str, Any]:
    """Return how a contender's line is drawn: a colour for each activation, dashed without DREG."""
    if contender == CHAINZRULE:
        return {"color": _COLOURS["polynomial"], "linewidth": 3.0, "marker": "o", "zorder": 5}
    plain = contender.removesuffix(" + DREG")
    if plain in _COLOURS:
        return {"color": _COLOURS[plain], "linewidth": 1.5, "linestyle": "--" if plain == contender else "-"}
    others = [name for name in contenders if name != CHAINZRULE and name.removesuffix(" + DREG") not in _COLOURS]
    place = others.index(contender)
    return {
        "color": _GREYS[place % len(_GREYS)],
        "linewidth": 1.2,
        "linestyle": ":",
        "marker": _MARKERS[place % len(_MARKERS)],
        "markersize": 4.5,
    }


def _polynomials(points: pd.DataFrame) -> Figure:
    layers = sorted(points["layer"].unique())
    figure = Figure(figsize=(9.0, 3.4 * len(layers) + 0.4), layout="constrained")
    axes = figure.subplots(len(layers), 2, squeeze=False, sharex=True, sharey="row")
    for row, layer in zip(axes, layers, strict=True):
        for panel, (metric, words) in zip(row, {BEFORE: "before training", AFTER: "after"}.items(), strict=True):
            part = points[(points["layer"] == layer) & (points["metric"] == metric)]
            neurons = part.groupby("neuron")
            for index, (_, curve) in enumerate(neurons):
                colour = mpl.colormaps["viridis"](index / max(1, len(neurons) - 1))
                panel.plot(curve["z"], curve["value"], color=colour, linewidth=1.4)
            panel.set_title(f"layer {layer + 1}, {words}")
        row[0].set_ylabel("φ(z)")
    for panel in axes[-1]:
        panel.set_xlabel("z")
    return figure


def _save(figure: Figure, file: Path) -> None:
    figure.savefig(file.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(file.with_suffix(".png"), dpi=144)
