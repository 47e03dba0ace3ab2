"""A comparison for people, and for machines."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from model_export.comparison.comparison import Comparison
from model_export.comparison.disagreements import Cell, Disagreements
from model_export.comparison.figures import Figure
from model_export.studies.bootstrap import SEED

_MOST_LEFT_OUT = 5


def report(comparison: Comparison) -> Group:
    """Return a comparison laid out for a terminal."""
    old = comparison.old
    title = f"{old.name} version {old.version} → {_called(comparison)} on {comparison.rows:,} rows"
    facts = Table.grid(padding=(0, 2))
    for change in comparison.changes:
        facts.add_row(Text("changed", style="bold"), Text(change))
    if comparison.left_out:
        shown = [f"{place}: {why}" for place, why in comparison.left_out[:_MOST_LEFT_OUT]]
        more = len(comparison.left_out) - len(shown)
        listed = "\n".join([*shown, *([f"and {more:,} more"] if more else [])])
        count = f"{len(comparison.left_out):,} rows left out, of both versions:"
        facts.add_row(Text("left out", style="yellow"), Text(f"{count}\n{listed}"))
    facts.add_row(
        Text("note", style="yellow"),
        Text(
            "95 % intervals by a paired bootstrap over these rows alone "
            f"({comparison.resamples:,} resamples, seed {SEED}); rows that a version was trained on flatter it"
        ),
    )
    return Group(
        Text(title, style="bold cyan"),
        facts,
        "",
        _figures(comparison.figures),
        "",
        *_disagreements(comparison),
        "",
        verdict(comparison),
    )


def verdict(comparison: Comparison) -> Text:
    """Return the sentence that the exit code stands for."""
    figure, tolerance = comparison.figures[0], comparison.tolerance
    found = f"{figure.name} {_signed(figure.difference)} ({_interval(figure)})"
    if comparison.worse:
        beyond = f"beyond the tolerance of {tolerance:g}" if tolerance else "on the worse side of 0"
        return Text(f"worse: {found}, an interval wholly {beyond}", style="red")
    words = f"not shown to be worse{f' by more than {tolerance:g}' if tolerance else ''}: {found}"
    if figure.most_worse > tolerance:
        words += f"; so few rows do not rule out that it is, by up to {figure.most_worse:.4f}"
    return Text(words, style="green")


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON has it; what is undefined is null."""
    versions = {
        name: {"name": manifest.name, "version": manifest.version}
        for name, manifest in (("old", comparison.old), ("new", comparison.new))
    }
    disagreements = comparison.disagreements._asdict()
    return {
        **versions,
        "rows": comparison.rows,
        "left_out": [left_out._asdict() for left_out in comparison.left_out],
        "changes": comparison.changes,
        "figures": [figure._asdict() for figure in comparison.figures],
        "resamples": comparison.resamples,
        "seed": SEED,
        "disagreements": disagreements | {"cells": [cell._asdict() for cell in comparison.disagreements.cells]},
        "tolerance": comparison.tolerance,
        "worse": comparison.worse,
    }


def _called(comparison: Comparison) -> str:
    new = comparison.new
    return f"version {new.version}" if new.name == comparison.old.name else f"{new.name} version {new.version}"


def _figures(figures: tuple[Figure, ...]) -> Table:
    table = Table("", "old", "new", "new − old", "95 % interval", "")
    for figure in figures:
        numbers = (_number(figure.old), _number(figure.new), _signed(figure.difference))
        table.add_row(figure.name, *numbers, _interval(figure), _judgement(figure))
    return table


def _interval(figure: Figure) -> str:
    return "no interval" if figure.low is None else f"{_signed(figure.low)} to {_signed(figure.high)}"


def _judgement(figure: Figure) -> Text:
    """Return in a word what the interval says; nothing where it holds 0, or where neither way is better."""
    if figure.low is None or figure.high is None or figure.low <= 0 <= figure.high:
        return Text("")
    if figure.better == "neither":
        return Text("differs", style="yellow")
    good = (figure.low > 0) == (figure.better == "more")
    return Text("better", style="green") if good else Text("worse", style="red")


def _disagreements(comparison: Comparison) -> list[RenderableType]:
    found = comparison.disagreements
    numbers = comparison.old.regression
    apart = f"by more than {numbers.tolerance:.4g}, the old tolerance" if numbers else "on the label"
    share = f"{100 * found.rows / comparison.rows:.2g} %"
    if not found.rows:
        return [Text(f"the versions differ {apart} in no row")]
    head = (
        f"the versions differ {apart} in {found.rows:,} of {comparison.rows:,} rows ({share}): {_who(found, numbers)}"
    )
    lines: list[RenderableType] = [Text(head)]
    if found.cells:
        cells = Table("old", "new", "rows", "old right", "new right", "such as")
        for cell in found.cells:
            cells.add_row(*map(Text, _cell(cell)))
        lines.append(cells)
    else:
        lines.append(Text(f"most in {', '.join(found.places)}"))
    return lines


def _who(found: Disagreements, numbers: object) -> str:
    words = "nearer to the truth" if numbers else "right"
    neither = "both equally" if numbers else "neither"
    return f"the old {words} in {found.old_right:,}, the new in {found.new_right:,}, {neither} in {found.neither:,}"


def _cell(cell: Cell) -> tuple[str, ...]:
    counts = (f"{count:,}" for count in (cell.rows, cell.old_right, cell.new_right))
    return cell.old, cell.new, *counts, ", ".join(cell.places)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}" if abs(value) < 100 else f"{value:.5g}"


def _signed(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{'−' if value < 0 else '+'}{_number(abs(value))}"
