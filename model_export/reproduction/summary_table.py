"""Records as tables: means over seeds and folds, with their standard deviations."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from model_export.reproduction.comparisons import has_folds, usual
from model_export.reproduction.polynomial_curves import AFTER, BEFORE
from model_export.reproduction.quantities import QUANTITIES, quantity

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
    """Return a row for each experiment, contender, fraction, condition and metric: mean, sd and n over seeds, folds."""
    records = pd.concat({name: measured(frame) for name, frame in frames.items()}, names=["experiment"])
    keys = ["experiment", "contender", "parameters", "fraction", "condition", "metric"]
    grouped = records.reset_index("experiment").groupby(keys, sort=False)["value"]
    return grouped.agg(mean="mean", sd="std", n="count").reset_index()


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
    part = frame[(frame["metric"] == "accuracy") & (frame["fraction"] == 1)]
    found = part["condition"].str.extract(_CORRUPTION)[1].astype(float)
    part = part.assign(severity=found.mask(part["condition"] == "", 0.0)).dropna(subset="severity")
    if found.isna().all():
        return part.iloc[:0]
    return part.groupby(["contender", "seed", "severity"], sort=False)["value"].mean().reset_index()


def condition_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what was measured under each condition: condition × contender of one metric, else both × metrics.

    A corruption is one condition, by the mean over its severities.
    """
    part = measured(frame)
    part = part[(part["condition"] != "") & (part["fraction"] == 1)]
    if part.empty:
        return part
    part = part.assign(condition=part["condition"].str.replace(_CORRUPTION, r"\1", regex=True))
    part = part.groupby(["condition", "contender", "metric", "seed", "fold"], sort=False)["value"].mean().reset_index()
    metrics = metrics_of(part)
    conditions = list(part["condition"].unique())
    if len(metrics) == 1:
        return _table(part, ["condition"], "contender", list(part["contender"].unique()), metrics[0])
    table = _table(part, ["condition", "contender"], "metric", metrics).reindex(conditions, level="condition")
    table.columns = [quantity(metric).shown for metric in table.columns]
    return table


def share(fraction: float) -> str:
    """Return a share of the training rows as it is written."""
    return f"{fraction * 100:g} %"


def runs_of(frame: pd.DataFrame) -> str:
    """Return how many seeds and folds an experiment's contenders have, on all rows, unaltered, where there are any."""
    part = measured(frame)
    part = part if (unaltered := usual(part)).empty else unaltered
    counts = part.groupby("contender")["seed"].nunique()
    least, most = counts.min(), counts.max()
    seeds = f"{most} {'seed' if most == 1 else 'seeds'}" if least == most else f"{least} to {most} seeds"
    return f"{seeds} × {part['fold'].nunique()} folds" if has_folds(part) else seeds


def _table(
    part: pd.DataFrame, index: Sequence[str], columns: str, order: Sequence[Any], metric: str = ""
) -> pd.DataFrame:
    """Return cells of mean ± sd, rows as they first come; of `metric`, or of the column's where that is the metric."""
    cells = {
        keys: quantity(metric or str(keys[-1])).spread(values)
        for keys, values in part.groupby([*index, columns], sort=False)["value"]
    }
    table = pd.Series(cells, dtype=object).rename_axis([*index, columns]).unstack(columns, sort=False)
    return table.reindex(columns=list(order))


def _parameters(count: int, twin: int) -> str:
    if not count:
        return ""
    return f"{count:,}" if not twin or twin == count else f"{count:,} ({100 * (count / twin - 1):+.1f} %)"
