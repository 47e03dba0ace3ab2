"""The report: the paper's table beside ours, everything behind it, and the figures; all made from the records."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from model_export.reproduction.claims_table import claims_table
from model_export.reproduction.comparisons import FOLDS, compare, hopeless
from model_export.reproduction.estimate import in_words
from model_export.reproduction.figures import Drawn, write_figures
from model_export.reproduction.paper import CLAIMS
from model_export.reproduction.quantities import quantity
from model_export.reproduction.runs import all_experiments
from model_export.reproduction.statistics import LEVEL, least_p
from model_export.reproduction.summary_table import (
    condition_tables,
    contender_table,
    fraction_tables,
    runs_of,
    summarise,
)
from model_export.reproduction.unit_files import read_origin
from model_export.studies.tables import markdown_table, p_value

RUNS = "runs"
"""The folder within the report's that holds the units."""


def write_report(frames: Mapping[str, pd.DataFrame], failed: Mapping[str, str], output: Path, *, quick: bool) -> None:
    """Write README.md, the tables behind it as CSV, and the figures.

    records.csv holds every record, units.csv how each unit came about, summary.csv means and standard deviations,
    comparisons.csv the tests. How a unit came about is read from `RUNS` in `output`.

    Args:
        frames: records by experiment, as `run_experiment` returns them.
        failed: why an experiment could not be run, or not to its end.
        output: the folder, made where it is missing.
        quick: whether this is but a quick look, which is then marked.
    """
    output.mkdir(parents=True, exist_ok=True)
    frames = {name: frames[name] for name in all_experiments() if name in frames and not frames[name].empty}
    lines = [*_head(quick), *_gaps(frames, failed, quick)]
    if frames:
        units, comparisons = _units(frames, output / RUNS), compare(frames)
        records = pd.concat(frames, names=["experiment"]).reset_index("experiment")
        records.to_csv(output / "records.csv", index=False, float_format="%.6g")
        units.to_csv(output / "units.csv", index=False)
        summarise(frames).to_csv(output / "summary.csv", index=False, float_format="%.6g")
        comparisons.to_csv(output / "comparisons.csv", index=False, float_format="%.6g")
        lines += [
            *_paper(frames, comparisons),
            *_drawn(write_figures(frames, output)),
            *(line for name, frame in frames.items() for line in _experiment(name, frame, units)),
            *_compared(comparisons),
            *_environments(units),
        ]
    (output / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _units(frames: Mapping[str, pd.DataFrame], folder: Path) -> pd.DataFrame:
    """Return a row for each unit whose records are reported: seconds, notes, settings, and where it ran."""
    rows = []
    for name, frame in frames.items():
        for unit in frame["unit"].unique():
            if origin := read_origin(unit, folder / name):
                said = {key: json.dumps(value, ensure_ascii=False) for key, value in _told(origin._asdict())}
                rows.append({"experiment": name, "unit": unit, "seconds": origin.seconds, **said, **origin.environment})
    return pd.DataFrame(rows, columns=None if rows else ["experiment", "unit", "seconds"])


def _told(origin: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in ("settings", "notes"):
        yield key, origin[key]


def _head(quick: bool) -> Iterator[str]:
    yield from ("# The paper's table, run again", "")
    if quick:
        yield from (
            "**A quick look, made by `chainzrule reproduce --quick`: fewer seeds than the whole has. What it does not "
            "show, the whole may.**",
            "",
        )
    yield (
        "Made by `chainzrule reproduce`. Networks have the same layers and the same number of settings to choose from, "
        "and choose by validation rows alone; what fills and standardises is fitted to the training rows of each "
        "split. ChainzRule is polynomials with DREG, `polynomial` the same without. Polynomials have coefficients of "
        "their own, by which their networks have more parameters than the twins: the tables say how many. τ, log loss "
        "and volatility: lower is better."
    )


def _gaps(frames: Mapping[str, pd.DataFrame], failed: Mapping[str, str], quick: bool) -> Iterator[str]:
    """Yield what of the table is not there, or there with fewer seeds than planned, and why."""
    said = {name: gap for name in all_experiments() if (gap := _gap(name, frames.get(name), failed.get(name), quick))}
    if said:
        yield from ("", "**Not run, or not to the end:**", "")
        yield from (f"- {name}: {gap}" for name, gap in said.items())


def _gap(name: str, frame: pd.DataFrame | None, reason: str | None, quick: bool) -> str:
    why = f": {reason}" if reason else ""
    if frame is None:
        return f"not run{why}"
    there, planned = frame["unit"].nunique(), len(all_experiments()[name].units(quick))
    if there == planned:
        return ""
    return f"{there} of {planned} units, which is {runs_of(frame)} and fewer than planned{why}"


def _paper(frames: Mapping[str, pd.DataFrame], comparisons: pd.DataFrame) -> Iterator[str]:
    data = {name: experiment.data for name, experiment in all_experiments().items()}
    yield from (
        "",
        "## The paper beside ours",
        "",
        "Means ± standard deviations over seeds, or over the folds of all seeds. The best other contender is chosen by "
        "the very rows it is shown for, which flatters it. Better, worse: after Bonferroni's correction over all "
        f"{len(comparisons)} comparisons of this report, at {100 * LEVEL:.0f} %.",
        "",
        markdown_table(claims_table(frames, comparisons, data)),
        "",
        "What differs from the paper's protocol, as far as that is known:",
        "",
    )
    yield from (f"- {claim.domain}: {claim.differs}." for claim in CLAIMS)


def _drawn(figures: Sequence[Drawn]) -> Iterator[str]:
    if figures:
        yield from ("", "## Figures")
    for title, stem in figures:
        yield from ("", f"{title} ([PNG]({stem}.png)):", "", f"![{title}]({stem}.svg)")


def _compared(comparisons: pd.DataFrame) -> Iterator[str]:
    if comparisons.empty:
        return
    yield from (
        "",
        "## ChainzRule minus each other contender",
        "",
        f"All {len(comparisons)} comparisons, paired by seed and fold, with 95 % intervals that are not corrected. By "
        "folds of repeated cross-validation: mean difference, corrected resampled t-test (Nadeau and Bengio, 2003; "
        "Bouckaert and Frank, 2004), Cohen's d_z. By seeds: Hodges and Lehmann's difference, Wilcoxon's exact "
        "signed-rank test, matched-pairs rank-biserial correlation. p, corrected: times the number of comparisons "
        "(Bonferroni).",
    )
    without_hope = hopeless(comparisons)
    if without_hope.any():
        pairs = comparisons["pairs"][without_hope].max()
        yield from (
            "",
            f"**{without_hope.sum()} comparisons could not have shown a difference, whatever it is**: the signed-rank "
            f"test of {pairs} seeds gives no p-value below {least_p(pairs):.2g}, which times {len(comparisons)} is not "
            "below 0.05. They are marked †.",
        )
    marked = comparisons.assign(mark=without_hope.map({True: " †", False: ""}))
    for keys, part in marked.groupby(["experiment", "metric"], sort=False):
        name, metric = map(str, keys)
        by = "folds" if part["test"].iloc[0] == FOLDS else "seeds"
        yield from (
            "",
            f"### {name}, {quantity(metric).shown}: by {part['pairs'].max()} {by}",
            "",
            markdown_table(_comparison_table(part, metric)),
        )


def _comparison_table(part: pd.DataFrame, metric: str) -> pd.DataFrame:
    kind = quantity(metric)
    effect = "d_z" if part["test"].iloc[0] == FOLDS else "rank-biserial"

    def row(found: Any) -> dict[str, str]:
        return {
            f"difference{kind.unit and f' in{kind.unit}'}": _within(
                kind.difference(found.difference), found.low, found.high, kind.difference
            ),
            "p": p_value(found.p),
            "p, corrected": p_value(found.p_bonferroni),
            effect: _within(f"{found.effect:+.2f}", found.effect_low, found.effect_high, "{:+.2f}".format),
            "ChainzRule is": f"{found.verdict}{found.mark}",
        }

    table = pd.DataFrame([row(found) for found in part.itertuples()])
    return table.set_index(pd.Index(part["contender"], name="contender"))


def _within(shown: str, low: float, high: float, form: Any) -> str:
    if low == -float("inf"):
        return f"{shown} (too few seeds for an interval)"
    return f"{shown} ({form(low)} to {form(high)})"


def _experiment(name: str, frame: pd.DataFrame, units: pd.DataFrame) -> Iterator[str]:
    experiment = all_experiments()[name]
    own = units[units["experiment"] == name]
    described = " ".join(f"{words.rstrip('.')}." for words in (experiment.data, experiment.protocol))
    yield from ("", f"## {name}: {experiment.title}", "", described)
    took = f"; {in_words(own['seconds'].sum())} of computing" if len(own) else ""
    yield from ("", f"{runs_of(frame)}{took}.")
    contenders = contender_table(frame)
    if not contenders.empty:
        yield from ("", "All training rows, unaltered test rows, mean ± sd:", "", markdown_table(contenders))
    for metric, table in fraction_tables(frame).items():
        title = f"By share of the training rows, {quantity(metric).shown}, mean ± sd:"
        yield from ("", title, "", markdown_table(table))
    for title, table in condition_tables(frame).items():
        yield from ("", f"{title}:", "", markdown_table(table))


def _environments(units: pd.DataFrame) -> Iterator[str]:
    where = [column for column in units.columns if column not in {"unit", "seconds", "settings", "notes"}]
    if len(where) < 2:
        return
    grouped = units[where].fillna("unknown").groupby(where[1:], sort=False)["experiment"]
    table = grouped.agg(lambda names: ", ".join(dict.fromkeys(names))).reset_index()
    yield from ("", "## Where it ran", "", "A column for each combination of machine and versions:", "")
    shown = table[["experiment", *where[1:]]].T.rename_axis("of")
    yield markdown_table(shown.set_axis(range(1, len(table) + 1), axis="columns"))
