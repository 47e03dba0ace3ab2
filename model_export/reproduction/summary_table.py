"""Records as tables: means over seeds and folds, with their standard deviations."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from model_export.reproduction.comparisons import has_folds, usual
from model_export.reproduction.polynomial_curves import AFTER, BEFORE
from model_export.reproduction.quantities import QUANTITIES, Quantity, quantity

_TWIN = "relu"
"""Whose number of parameters the others' are compared with."""

_OF_FRACTIONS = ("accuracy", "tail ratio")

_CORRUPTIONS = (
    *("gaussian noise", "shot noise", "impulse noise", "defocus blur", "glass blur", "motion blur", "zoom blur"),
    *("snow", "frost", "fog", "brightness", "contrast", "elastic transform", "pixelate", "jpeg compression"),
)
_CORRUPTION = rf"^({'|'.join(_CORRUPTIONS)}) ([1-5])$"
"""A condition that is one: its name and its severity"""


def measured(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the records that are measurements, not points of a curve."""
    return frame[~frame["metric"].isin([BEFORE, AFTER])]


def summarise(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return a row for each experiment, contender, fraction, condition and metric: mean, sd, n and range."""
    records = pd.concat({name: measured(frame) for name, frame in frames.items()}, names=["experiment"])
    keys = ["experiment", "contender", "parameters", "fraction", "condition", "metric"]
    grouped = records.reset_index("experiment").groupby(keys, sort=False)["value"]
    return grouped.agg(mean="mean", sd="std", n="count", least="min", most="max").reset_index()


def metrics_of(frame: pd.DataFrame) -> list[str]:
    """Return the metrics of a frame in the order of tables' columns; those not known come last."""
    known = list(QUANTITIES)
    found = measured(frame)["metric"].unique()
    return sorted(found, key=lambda metric: known.index(metric) if metric in known else len(known))


def contender_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return contender × what was measured of all training rows and unaltered test rows, and the parameters."""
    part = usual(measured(frame))
    if part.empty:
        return part
    table = _table(part, ["contender"], "metric", metrics_of(part))
    table.columns = [quantity(metric).shown for metric in table.columns]
    counts = part.groupby("contender")["parameters"].max().reindex(table.index)
    return table.assign(parameters=[_parameters(count, int(counts.get(_TWIN, 0))) for count in counts])


def fraction_tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return, by metric, contender × share of the training rows; none where there is one share."""
    part = measured(frame)
    part = part[part["condition"] == ""]
    if part["fraction"].nunique() < 2:
        return {}
    tables = {}
    for metric in (metric for metric in metrics_of(part) if metric in _OF_FRACTIONS):
        fractions = sorted(part["fraction"].unique())
        table = _table(part[part["metric"] == metric], ["contender"], "fraction", fractions, metric)
        tables[metric] = table.rename(columns=share)
    return tables


def severities(frame: pd.DataFrame) -> pd.DataFrame:
    """Return accuracies with a column `severity`: the mean over corruptions by contender and seed, 0 where unaltered.

    It is empty where no row was corrupted.
    """
    severity = frame["condition"].str.extract(_CORRUPTION)[1].astype(float)
    corrupted = (frame["metric"] == "corruption accuracy") & severity.notna()
    if not corrupted.any():
        return frame.iloc[:0]
    unaltered = (frame["metric"] == "accuracy") & (frame["condition"] == "")
    part = frame.assign(severity=severity.fillna(0))[(corrupted | unaltered) & (frame["fraction"] == 1)]
    return part.groupby(["contender", "seed", "severity"], sort=False)["value"].mean().reset_index()


def condition_tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return, by title, what was measured under each condition, a table for each share of the training rows.

    Metrics that were measured under the same conditions stand side by side; one alone has a column for each contender.
    A corruption is one condition, by the mean over its severities. Where nothing was measured without a condition, the
    runs are of interest one by one, and the most of them stands behind mean and deviation.
    """
    part = measured(frame)
    one_by_one = usual(part).empty
    part = part[part["condition"] != ""]
    part = part.assign(condition=part["condition"].str.replace(_CORRUPTION, r"\1", regex=True))
    keys = ["condition", "contender", "metric", "fraction", "seed", "fold"]
    part = part.groupby(keys, sort=False)["value"].mean().reset_index()
    tables = {}
    for fraction in part["fraction"].unique():
        rows = part[part["fraction"] == fraction]
        for metrics in _together(rows):
            shown = rows[rows["metric"].isin(metrics)]
            title = f"By condition, {share(fraction)} of the training rows, {_named(metrics)}, mean ± sd"
            if len(metrics) == 1:
                contenders = list(shown["contender"].unique())
                title += ", and the most" if one_by_one else ""
                tables[title] = _table(shown, ["condition"], "contender", contenders, metrics[0], most=one_by_one)
            else:
                index = ["condition", "contender"] if shown["contender"].nunique() > 1 else ["condition"]
                table = _table(shown, index, "metric", metrics)
                tables[title] = table.set_axis([quantity(metric).shown for metric in metrics], axis="columns")
    return tables


def _together(rows: pd.DataFrame) -> list[list[str]]:
    """Return the metrics in groups that were measured under the same conditions."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for metric in metrics_of(rows):
        groups.setdefault(tuple(rows[rows["metric"] == metric]["condition"].unique()), []).append(metric)
    return list(groups.values())


def _named(metrics: Sequence[str]) -> str:
    return ", ".join(quantity(metric).shown.removesuffix(", %") for metric in metrics)


def share(fraction: float) -> str:
    """Return a share of the training rows as it is written."""
    return f"{fraction * 100:g} %"


def runs_of(frame: pd.DataFrame) -> str:
    """Return how many seeds and folds an experiment's contenders have on all training rows and unaltered test rows.

    Where there are none such, how many runs there are of each condition.
    """
    part = measured(frame)
    unaltered = usual(part)
    if unaltered.empty:
        runs = part.groupby(["contender", "condition", "fraction"])[["seed", "fold"]]
        return f"{_counted(runs.apply(lambda both: len(both.drop_duplicates())), 'run')} of each condition"
    seeds = _counted(unaltered.groupby("contender")["seed"].nunique(), "seed")
    return f"{seeds} × {unaltered['fold'].nunique()} folds" if has_folds(unaltered) else seeds


def _counted(counts: "pd.Series[int]", noun: str) -> str:
    least, most = counts.min(), counts.max()
    return f"{'' if least == most else f'{least} to '}{most} {noun}{'' if most == 1 else 's'}"


def _table(
    part: pd.DataFrame,
    index: Sequence[str],
    columns: str,
    order: Sequence[Any],
    metric: str = "",
    *,
    most: bool = False,
) -> pd.DataFrame:
    """Return cells of mean ± sd, rows as they first come; of `metric`, or of the column's where that is the metric."""

    def cell(kind: Quantity, values: "pd.Series[float]") -> str:
        return kind.spread(values) + (f", {kind.number(values.max())}" if most else "")

    cells = {
        keys: cell(quantity(metric or str(keys[-1])), values)
        for keys, values in part.groupby([*index, columns], sort=False)["value"]
    }
    table = pd.Series(cells, dtype=object).rename_axis([*index, columns]).unstack(columns, sort=False)
    return table.reindex(columns=list(order))


def _parameters(count: int, twin: int) -> str:
    if not count:
        return ""
    return f"{count:,}" if not twin or twin == count else f"{count:,} ({100 * (count / twin - 1):+.1f} %)"
