"""The study's report: tables, tests, verdicts and the figure, all made from its records."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pandas as pd
from rich.progress import track

from model_export.studies.answers import (
    adds_to_margin,
    beats_same_distance,
    comparison_table,
    conditional_table,
    sorted_out,
)
from model_export.studies.bootstrap import RESAMPLES
from model_export.studies.comparisons import compare
from model_export.studies.conditional import condition
from model_export.studies.costs import cost_section
from model_export.studies.figures import risk_coverage_figure
from model_export.studies.reliability import ACTIVATIONS
from model_export.studies.rows import Rows
from model_export.studies.runs import Records
from model_export.studies.tables import foresight, markdown_table, noticed, summarise, uniformity, unshifted
from model_export.studies.targets import ONE_SIDED, targets

QUESTIONS = {"errors": "own errors, unshifted", "shifted": "own errors, shifts pooled"}
FIGURE = "risk_coverage.svg"


def write_report(records: Records, folder: Path) -> None:
    """Write README.md, its figure, and the tables behind it as CSV, into `folder`."""
    comparisons, conditional = _analyse(records, compare), _analyse(records, condition)
    summarise(records.scores).round(4).to_csv(folder / "summary.csv")
    comparisons.round(5).to_csv(folder / "comparisons.csv", index=False)
    conditional.round(5).to_csv(folder / "conditional.csv", index=False)
    risk_coverage_figure(records, folder / FIGURE)
    text = "\n".join([*_sections(records, comparisons, conditional), *cost_section(folder)]) + "\n"
    (folder / "README.md").write_text(text, encoding="utf-8")


def _analyse(records: Records, analysis: Callable[[Sequence[Rows]], pd.DataFrame]) -> pd.DataFrame:
    """Return the analysis of every kind of network on every data set, one below the other."""
    models = [(name, kind) for name in records.scores["set"].unique() for kind in ACTIVATIONS]
    found = {model: analysis(records.rows(*model)) for model in track(models, description=analysis.__name__)}
    return pd.concat(found, names=["set", "activation"]).reset_index(["set", "activation"])


def _sections(records: Records, comparisons: pd.DataFrame, conditional: pd.DataFrame) -> Iterator[str]:
    scores, windows, _ = records
    yield from (
        "# What the signals are worth",
        "",
        f"Made by `chainzrule study`, seeds 0 to {scores['seed'].nunique() - 1}. No row of the tests, shifted or not, "
        "was used for a choice, with one disclosure: a first run of SST-5 used λ = 0.03 instead of the library's "
        "default, and its shifted rows were looked at before. The signature was chosen on other data sets. AUROC: "
        "higher is better, 0.5 is chance. AUGRC: lower is better. Shift is noticed where it is of at least moderate "
        "severity.",
        "",
        "## To reach",
        "",
        "Differences stand with their 95 % intervals, means over seeds. The best baseline is chosen on the rows it is "
        "then compared on, which counts against `reliability`. A rate of false alarms may exceed its bound by "
        f"{ONE_SIDED} standard errors, √(α(1 − α)/n) on the n different test rows of all seeds.",
        "",
        markdown_table(targets(scores, windows, comparisons, records.distinct_rows)),
        "",
        "## Where the errors are",
        "",
        "Share of errors among the accepted predictions, by the share accepted; polynomial networks, mean over seeds. "
        "The best distance is that of lowest AUGRC on the rows drawn, which flatters it.",
        "",
        f"![Risk against coverage, without shift and on all shifts pooled]({FIGURE})",
    )
    yield from _tests(comparisons)
    yield from _nulls(comparisons, conditional)
    yield from _measures(scores)
    yield from _promises(windows)


def _tests(comparisons: pd.DataFrame) -> Iterator[str]:
    yield from (
        "",
        "## `reliability` against each single baseline",
        "",
        f"Differences in AUROC with 95 % intervals, from a paired bootstrap ({RESAMPLES} resamples) over test rows, a "
        "row being drawn together with all its shifts and seeds (on Pima, where each seed has its own test rows, by "
        "the row of the table). What varies is the test set; networks and shifts stay as they are. Of one prediction's "
        "errors AUGRC is a function of AUROC and the error rate, so its tests, in `comparisons.csv` with those of the "
        "other kinds of network, say nearly the same. * p < 0.05, two-sided, after Holm's correction over all "
        "baselines of one question, metric, data set and kind of network; no p-value of so many resamples is below "
        f"{2 / (RESAMPLES + 1):.4f} before it.",
    )
    single = comparisons[(comparisons["signal"] == "reliability") & (comparisons["metric"] == "auroc")]
    for question, words in QUESTIONS.items():
        part = single[(single["question"] == question) & (single["activation"] == "polynomial")]
        yield from ("", f"### {words.capitalize()} (polynomial networks)", "", markdown_table(comparison_table(part)))
    counts = pd.DataFrame(
        {
            keys: {words: len(models) for words, models in sorted_out(part).items()}
            for keys, part in single.groupby(["question", "set", "activation"], sort=False)
        }
    ).T.rename_axis(["question", "set", "network"])
    yield from ("", "### Baselines by outcome, all networks", "", markdown_table(counts.rename(index=QUESTIONS)))


def _nulls(comparisons: pd.DataFrame, conditional: pd.DataFrame) -> Iterator[str]:
    yield from (
        "",
        "## Does the Jacobian add to the margin?",
        "",
        "Logistic regression of the network's errors on the log-odds of its largest probability (temperature-scaled), "
        "with and without the signal (‖J‖ and typicality by their logarithms), in each seed. p: likelihood ratio on "
        "unshifted rows, Wald with errors clustered by test row on shifted ones; twice the median over seeds, then "
        "Holm's correction over the six of a network and data set. Effect: on the log-odds of an error, by one "
        "standard deviation. Gain: AUROC of the regression, fitted to half the test rows and judged on the other, "
        "minus that of the margin alone, fitted likewise. Both: mean, and least to most over seeds. Fitted on shifted "
        "rows, it says what there is to be known, not what could be known before the shift; and a straight line "
        "through the margin's log-odds fits such rows badly, so part of an effect there may be the curve that it "
        "misses.",
        "",
        *adds_to_margin(conditional),
        "",
        markdown_table(conditional_table(conditional)),
        "",
        "## Does the signature beat the same distance on something else?",
        "",
        "AUROC of telling shifted rows from unshifted ones, mean over shifts of at least moderate severity and seeds, "
        "by the bootstrap above; Holm's correction over the three of a network and data set. The shifts are these, "
        "not a sample of all there may be.",
        "",
        *beats_same_distance(comparisons),
    )
    noticing = comparisons[comparisons["question"] == "noticing"]
    for kind, part in noticing.groupby("activation", sort=False):
        yield from (
            "",
            f"`typicality` minus the baseline, {kind} networks:",
            "",
            markdown_table(comparison_table(part)),
        )


def _measures(scores: pd.DataFrame) -> Iterator[str]:
    summary = summarise(scores)
    columns = ["errors_auroc", "errors_augrc", "shifted_auroc", "shifted_augrc", "detection"]
    yield from (
        "",
        "## All confidences",
        "",
        "Means over seeds. errors: ranking the network's own errors on unshifted test rows. shifted: the same on all "
        "shifted rows with known labels, pooled. detection: telling shifted rows from unshifted, mean AUROC over "
        "shifts of at least moderate severity.",
    )
    for name in scores["set"].unique():
        for activation in ACTIVATIONS:
            table = summary.loc[(name, activation)][columns].round(3)
            yield from ("", f"### {name}, {activation}", "", markdown_table(table))
    chosen = ["reliability", "msp", "boundary_distance", "typicality", "ensemble", "oracle"]
    columns = [f"{part}_{measure}" for part in ("errors", "shifted") for measure in ("aurc", "fpr95", "risk90")]
    further = summary[summary.index.get_level_values("confidence").isin(chosen)][columns]
    yield from (
        "",
        "## Further measures",
        "",
        "Lower is better. aurc: mean selective risk over coverages. fpr95: share of errors that pass where 95 % of the "
        "right predictions do. risk90: share of errors among the most confident 90 %. The other confidences' are in "
        "`summary.csv`.",
        "",
        markdown_table(further.round(3)),
        "",
        "## Noticing each shift (polynomial networks)",
        "",
        "AUROC of telling shifted rows from unshifted.",
        "",
        markdown_table(noticed(scores).round(3)),
    )


def _promises(windows: pd.DataFrame) -> Iterator[str]:
    rates = unshifted(windows)
    for column, alpha in {"typicality_below_0_01": 0.01, "typicality_below_0_05": 0.05}.items():
        error = (alpha * (1 - alpha) / rates["rows"]) ** 0.5
        rates[column] = [f"{rate:.3f} ± {spread:.3f}" for rate, spread in zip(rates[column], error, strict=True)]
    yield from (
        "",
        "## Unshifted test rows",
        "",
        "False alarms of typicality, with one standard error of the rate that is promised, and calibration of "
        "reliability; means over seeds, rows of one seed.",
        "",
        markdown_table(rates.round(3)),
        "",
        "Is typicality uniform? Kolmogorov and Smirnov's p-value of each seed, the calibration rows' own chance "
        "allowed for. Seeds share test rows on SST-5 and MNIST.",
        "",
        markdown_table(uniformity(windows).round(3)),
        "",
        "## Foretelling a window's error rate",
        "",
        "Spearman's correlation over shifts and seeds.",
        "",
        markdown_table(foresight(windows).round(2)),
    )
