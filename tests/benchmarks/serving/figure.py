"""The figure: requests a second by contender, and latency by rows."""

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.serving.contenders import CEILING, FLOOR
from tests.benchmarks.serving.loads.growing_rows import KEY as LATENCIES
from tests.benchmarks.serving.loads.growing_rows import SERVED

RATES = "one_row_16"
OURS, THEIRS, BOUNDS = "#1b6ca8", "#9aa5b1", "#d9dee4"


def draw(results: Mapping[str, Any], file: Path) -> str | None:
    """Write the figure as SVG; return why not, where that is so."""
    found = results["sections"]
    if RATES not in found:
        return "no figure: one row at 16 connections was not measured"
    try:
        import matplotlib as mpl
    except ModuleNotFoundError:
        return "no figure: matplotlib is not installed (the `studies` extra has it)"
    mpl.use("agg")
    from matplotlib import pyplot as plt

    panels = 1 + (LATENCIES in found)
    figure, axes = plt.subplots(1, panels, figsize=(1 + 5.5 * panels, 4.2), squeeze=False)
    _draw_rates(axes[0][0], found[RATES]["rounds"])
    if LATENCIES in found:
        _draw_latencies(axes[0][1], found[LATENCIES])
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
    return None


def _draw_rates(axis: Any, rounds: Mapping[str, Any]) -> None:
    rates = {name: [one["requests_per_second"] for one in values] for name, values in rounds.items()}
    names = sorted(rates, key=lambda name: median(rates[name]))
    middles = [median(rates[name]) for name in names]
    colours = [BOUNDS if n in (FLOOR, CEILING) else OURS if n.startswith("ChainzRule") else THEIRS for n in names]
    reach = [[m - min(rates[n]) for n, m in zip(names, middles, strict=True)]]
    reach += [[max(rates[n]) - m for n, m in zip(names, middles, strict=True)]]
    axis.barh(names, middles, color=colours, xerr=reach, error_kw={"lw": 1, "ecolor": "#444"})
    for place, (name, value) in enumerate(zip(names, middles, strict=True)):
        axis.text(max(rates[name]), place, f"  {value:,.0f}", va="center", fontsize=8)
    axis.set_xscale("log")
    axis.set_xlim(min(middles) / 2, max(max(found) for found in rates.values()) * 3)
    axis.set_xlabel("requests/s, one row, 16 connections (log scale)")
    axis.spines[["top", "right"]].set_visible(False)


def _draw_latencies(axis: Any, by_rows: Mapping[str, Mapping[str, Any]]) -> None:
    for name in dict.fromkeys(name for measured in by_rows.values() for name in measured):
        points = {int(rows): median(one["p50_ms"] for one in m[name]) for rows, m in by_rows.items() if name in m}
        colour = OURS if name == SERVED else THEIRS
        axis.plot(points.keys(), points.values(), marker="o", ms=4, label=name, color=colour)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("rows a request")
    axis.set_ylabel("median latency, ms")
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
