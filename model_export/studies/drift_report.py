"""What the drift alert's simulation found, written down."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from model_export.errors import DataNotFoundError
from model_export.studies import drift, tail_alert
from model_export.studies.rows import Rows
from model_export.studies.study_sets import STUDIES

SEED = 0

_TEXT = """\
# The drift alert, simulated

Made by `chainzrule drift` (seed {seed}), from the runs that `chainzrule study` keeps: polynomial networks, five seeds
each. The rule is that of `ChainzRuleDrift` in `deploy/prometheus/rules`: with m rows in the window and n calibration
rows, an alarm if the largest gap between the cumulative share of typicality and the expected one, at the boundaries of
the histogram, is above {coefficient} √(1/m + 1/n), the two-sample Kolmogorov-Smirnov test at α = {alpha}. The alert in
service also asks for at least 200 rows, and for a minute of it, which can only make it rarer.

## False alarms, by construction

Rows without any shift, {pairs} windows a line, each with calibration rows of its own. *Share*: windows with an alarm,
and its exact 95 % interval; {alpha} was stated. *One sample*: the same windows against the uniform distribution with
the critical value of one sample, {coefficient}/√m, as if there were infinitely many calibration rows: the reason why
the rule has a 1/n. A service keeps one set of calibration rows: *quiet sets* is the share of {sets} sets with no alarm
in {a_set} windows, *worst in 100* the rate of false alarms that one set in a hundred exceeds, *worst* that of the worst
of the {sets}. So the stated rate is one over sets: with many more rows in the window than calibration rows, nearly all
sets never alarm, and the rare one that does goes on doing so.

{alarms}

## False alarms of the tail ratio, by construction

The same for `ChainzRuleTailRatioHigh`: m rows, of which more than p + 5 √(p (1/m + 1/n)) are above the 99th percentile
of n calibration rows, with p = 0.01 + 1/n. *Three errors*: the same windows against
0.01 + 3 √(0.01 · 0.99 (1/m + 1/n)), as if that share were normal about 0.01: the reason why the rule asks for more. The
reference τ is that percentile over a mean, which is taken to be 1; with two classes it is. In service the share is
counted from the histogram's next boundary on, which can only make the alert rarer. It is not measured on real rows:
runs do not keep the calibration rows' percentile, and with one of the test rows the outcome is this, whatever the rows.

{tail_alarms}

## False alarms, on real rows

Windows drawn without replacement from the benchmark's unshifted test rows, {windows} a network and size, five networks
together. Pima has 154 test rows, so its windows have 100. All windows of a network share its calibration rows, and most
of their rows with one another.

{real}

## Rows needed to notice a shift

The smallest window that raises the alert in at least {power:.0%} of {windows} windows, of
{grid} rows; medians over seeds.
*A tenth*: only one row in ten is shifted. *Tail ratio*: the alert on it, with ‖J‖ in its place and the unshifted test
rows in that of the calibration rows, as runs keep neither; with Pima's two classes ‖J‖ is a multiple of it, elsewhere a
relative. Both alerts wait for 200 rows in service, so a smaller number says that these are ample.

{noticing}

## What this does not say

Rows are taken to be independent: one row sent a thousand times will raise the alert, and rightly by its rule. A window
that is looked at every few seconds is many tests, each with its false alarms, though far from independent ones. The
shifts are the benchmark's, and no others.
"""


class Run(NamedTuple):
    """One network's rows."""

    name: str
    seed: int
    rows: Rows
    calibration_rows: int


def write_drift_report(runs: Path, output: Path) -> None:
    """Simulate on the runs in a folder, and write tables and text to `output`.

    Raises:
        DataNotFoundError: if there is no run.
    """
    found = list(_read(runs))
    if not found:
        raise DataNotFoundError(f"{runs} holds no runs of polynomial networks: make them with chainzrule study")
    generator = np.random.default_rng(SEED)
    (tail_generator,) = generator.spawn(1)
    alarms = pd.DataFrame(drift.false_alarms(generator))
    tail_alarms = pd.DataFrame(tail_alert.false_alarms(tail_generator))
    real, noticed = list[dict[str, Any]](), list[dict[str, Any]]()
    for run in found:
        keys = {"set": run.name, "seed": run.seed, "calibration_rows": run.calibration_rows}
        real += [keys | record for record in drift.unshifted_alarms(run.rows, run.calibration_rows, generator)]
        tail = tail_alert.noticing(run.rows, tail_generator)
        both = zip(drift.noticing(run.rows, run.calibration_rows, generator), tail, strict=True)
        noticed += [keys | record | beside for record, beside in both]
    output.mkdir(parents=True, exist_ok=True)
    alarms.to_csv(output / "false_alarms.csv", index=False, float_format="%.6g")
    tail_alarms.to_csv(output / "false_alarms_tail_ratio.csv", index=False, float_format="%.6g")
    real_table = pd.DataFrame(real)
    real_table.to_csv(output / "false_alarms_real.csv", index=False)
    summary = drift.summarise(pd.DataFrame(noticed))
    summary.to_csv(output / "noticing.csv")
    text = _TEXT.format(
        seed=SEED,
        coefficient=drift.COEFFICIENT,
        alpha=drift.ALPHA,
        pairs=f"{drift.PAIRS:,}",
        sets=drift.SETS,
        a_set=f"{drift.WINDOWS_A_SET:,}",
        windows=f"{drift.WINDOWS:,}",
        grid=", ".join(f"{m:,}" for m in drift.GRID),
        power=drift.POWER,
        alarms=_alarms(alarms, "one sample"),
        tail_alarms=_alarms(tail_alarms, "three errors"),
        real=_real(real_table),
        noticing=_noticing(summary),
    )
    (output / "README.md").write_text(text, encoding="utf-8")


def _read(runs: Path) -> Iterator[Run]:
    for name in STUDIES:
        for file in sorted(runs.glob(f"{name}-polynomial-*-rows.npz")):
            windows = pd.read_csv(file.with_name(file.name.replace("-rows.npz", "-window.csv")))
            calibration_rows = int(windows["calibration_rows"].iloc[0])
            yield Run(name, int(file.name.split("-")[2]), Rows.load(file), calibration_rows)


def _alarms(table: pd.DataFrame, naive: str) -> str:
    naive_share = f"{naive.replace(' ', '_')}_share"
    lines = [
        f"| n | m | share | 95 % interval | {naive} | quiet sets | worst in 100 | worst |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.calibration_rows:,} | {one.window_rows:,} | {one.share:.5f} | {one.low:.5f} to {one.high:.5f} "
        f"| {getattr(one, naive_share):.3f} | {one.sets_without_an_alarm:.3f} | {one.worst_set_in_a_hundred:.3f} "
        f"| {one.worst_set:.3f} |"
        for one in table.itertuples()
    ]
    return "\n".join(lines)


def _real(table: pd.DataFrame) -> str:
    lines = ["| set | n | m | alarms of windows | by seed |", "|---|---|---|---|---|"]
    for (name, m), part in table.groupby(["set", "window_rows"], sort=False):
        seeds = ", ".join(map(str, part["alarms"]))
        n = part["calibration_rows"].iloc[0]
        lines.append(f"| {name} | {n:,} | {m:,} | {part['alarms'].sum()} of {part['windows'].sum():,} | {seeds} |")
    return "\n".join(lines)


def _noticing(summary: pd.DataFrame) -> str:
    lines = [
        "| set | shift | severity | rows | a tenth | tail ratio | tail ratio, a tenth |",
        "|---|---|---|---|---|---|---|",
    ]
    for keys, *needed in summary.itertuples():
        shown = [f"{m:,.0f}" if np.isfinite(m) else "more than 10,000" for m in needed]
        lines.append("| " + " | ".join([*map(str, keys), *shown]) + " |")
    return "\n".join(lines)
