"""What will be learned from a table, to be looked at before it is."""

from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Group
from rich.table import Table
from rich.text import Text

from model_export.errors import DataError
from model_export.own_data.columns import ColumnPlan, plan_column
from model_export.own_data.options import TableOptions
from model_export.own_data.splits import Parts, check_classes, split_at_random, split_by_group, split_by_time
from model_export.own_data.target import TargetPlan, plan_target
from model_export.own_data.values import Kind, values_of
from model_export.training.table import split_target


class TablePlan(NamedTuple):
    """A table whose columns are understood and whose rows are split."""

    columns: tuple[ColumnPlan, ...]
    """All but the target, in the table's order"""

    target: TargetPlan
    parts: Parts
    values: dict[str, NDArray[Any]]
    """Of the columns that are used, [N] each; see `values_of`"""

    rows: NDArray[np.int64]
    """[N]: where each row stands in the table, counted from 1; rows without a label are left out"""

    notes: tuple[str, ...]
    """What else is worth knowing, in words"""

    @property
    def used(self) -> tuple[ColumnPlan, ...]:
        """The columns to be learned from."""
        return tuple(column for column in self.columns if column.used)

    @property
    def ignored(self) -> tuple[str, ...]:
        """The names of the others."""
        return tuple(column.name for column in self.columns if not column.used)

    def at(self, part: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Return the values of some rows."""
        return {name: column[part] for name, column in self.values.items()}


def plan_table(frame: pd.DataFrame, target: str, options: TableOptions, seed: int) -> TablePlan:
    """Return what is to be learned from a table.

    Args:
        frame: the table, labels included.
        target: the column of labels.
        options: what is not to be found out.
        seed: of a split at random.

    Raises:
        DataError: naming the column or row that nothing can be learned from, and what to do.
    """
    table, labels = split_target(frame.reset_index(drop=True), target)
    names = [str(name) for name in table.columns]
    for asked in (*options.types, *options.drop, *filter(None, (options.group, options.time))):
        if asked not in names:
            raise DataError(f"no column is called {asked!r}; the columns are {', '.join(names)}")
    notes = []
    unlabelled = np.flatnonzero(labels.isna())
    if len(unlabelled) == len(labels):
        raise DataError(
            f"no row has a {target}: {'the table has no rows' if labels.empty else 'there is nothing to learn'}"
        )
    labelled = np.flatnonzero(labels.notna())
    if len(unlabelled):
        notes.append(f"{len(unlabelled)} rows without a {target} are left out, row {unlabelled[0] + 1} the first")
    planned = plan_target(target, labels.dropna(), options.task, options.levels)
    columns = tuple(_plan(str(name), column, options) for name, column in table.items())
    used = [column for column in columns if column.used]
    if not used:
        raise DataError("no column is left to learn from: say of one what it is (type COLUMN=KIND)")
    texts = [column.name for column in used if column.kind == "text"]
    if len(texts) > 1:
        raise DataError(
            f"columns {', '.join(map(repr, texts))} hold texts, and of a table one is learned from: put them together "
            "into one column, or drop all but one"
        )
    # Of all rows, so that a wrong value is named by its row in the file.
    values = {column.name: values_of(column.name, table[column.name], cast("Kind", column.kind)) for column in used}
    parts = _split(table.iloc[labelled], planned, options, seed)
    if planned.imbalanced:
        rare, common = (planned.classes[int(place(planned.counts))] for place in (np.argmin, np.argmax))
        stratified = "every part of the split has its share of it, and " if parts.validation is None else ""
        notes.append(
            f"{rare} is rare beside {common} ({planned.counts.min():,} and {planned.counts.max():,} rows): "
            f"{stratified}rows are not weighted, so that probabilities stay those of the classes as they come; few "
            f"rows will be labelled {rare}, so decide by its probability and by what mistakes cost"
        )
    of_labelled = {name: column[labelled] for name, column in values.items()}
    for name, column in of_labelled.items():
        if pd.isna(column[parts.learned]).all():
            raise DataError(
                f"column {name!r} has no value in any of the {len(parts.learned)} training rows to learn from: drop it"
            )
    return TablePlan(columns, planned, parts, of_labelled, labelled + 1, tuple(notes))


def _plan(name: str, column: "pd.Series[Any]", options: TableOptions) -> ColumnPlan:
    if name in options.drop:
        return ColumnPlan(name, "dropped", "as asked", int(column.nunique()), float(column.isna().mean()), "")
    if name in {options.group, options.time} and name not in options.types:
        return ColumnPlan(
            name, "split", "the rows are split by it", int(column.nunique()), float(column.isna().mean()), ""
        )
    return plan_column(name, column, options.types.get(name))


def _split(table: pd.DataFrame, target: TargetPlan, options: TableOptions, seed: int) -> Parts:
    classes = None if target.task == "regression" else target.codes
    by = options.group or options.time
    if by is None:
        return split_at_random(len(table), classes, seed)
    missing = table.index[table[by].isna()]
    if len(missing):
        raise DataError(f"{by} is missing in row {missing[0] + 1} ({len(missing)} in all), and rows are split by it")
    if options.group is not None:
        parts = split_by_group(table[options.group].to_numpy(object), options.group, classes, seed)
    else:
        kind = plan_column(by, table[by]).kind
        if kind not in {"date", "number", "identifier"}:
            raise DataError(f"{by} holds no dates or numbers to split the rows by, but a {kind}")
        parts = split_by_time(values_of(by, table[by], "date" if kind == "date" else "number"), by)
    if classes is not None:
        check_classes(parts, classes, target.classes, target.name)
    return parts


def show(plan: TablePlan, notes: tuple[str, ...] = ()) -> Group:
    """Return the plan laid out for a terminal.

    Args:
        plan: to be shown.
        notes: what was noticed before.
    """
    columns = Table("column", "read as", "because", "different", "missing", "for instance")
    for column in plan.columns:
        missing = f"{100 * column.missing:.2g} %" if column.missing else ""
        kind = column.kind if column.used else f"left out: {column.kind}"
        cells = (column.name, kind, column.why, f"{column.distinct:,}", missing, column.example)
        columns.add_row(*map(Text, cells), style="" if column.used else "dim")
    target = plan.target
    facts = Table.grid(padding=(0, 2))
    what = f"{target.name}: {target.task} ({target.why})"
    if target.classes:
        what += ": " + _classes(target)
    facts.add_row(Text("to predict", style="bold"), Text(what))
    counts = ", ".join(
        f"{len(part):,} {use}"
        for part, use in zip(plan.parts[:3], ("to train on", "to calibrate", "to test"), strict=True)
    )
    stopping = "" if plan.parts.validation is None else f" ({len(plan.parts.validation):,} rows)"
    facts.add_row(Text("rows", style="bold"), Text(f"{counts}; split {plan.parts.how}{stopping}"))
    for note in (*notes, *plan.notes):
        facts.add_row(Text("note", style="yellow"), Text(note))
    return Group(columns, facts)


def _classes(target: TargetPlan) -> str:
    shown = [f"{name} ({count:,})" for name, count in zip(target.classes, target.counts.tolist(), strict=True)]
    return ", ".join(shown[:10]) + (f" and {len(shown) - 10} more" if len(shown) > 10 else "")
