"""The parts of the report on how well the version does: beside others, where it is wrong, what its score is worth."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from model_export.report.charts import (
    calibration_chart,
    comparison_chart,
    confusion_map,
    residual_charts,
    selection_chart,
    tail_chart,
    typicality_chart,
)
from model_export.report.comparison import Standing
from model_export.report.html import Markup, element, join, name, table
from model_export.report.measurements import Measurements
from model_export.report.mistakes import Confusion
from model_export.report.words import chance, listed, number, points, share

_MOST_IN_A_TABLE = 12
"""Classes whose confusion is a table of numbers; that of more is drawn in shades"""

_MOST_BESIDE = 5
"""Classes whose table leaves room beside it"""

_WORST = 20


def section(title: str, identity: str, *content: str) -> Markup:
    """Return a part of the page."""
    return element("section", element("h2", title), *content, id=identity)


def charts(*figures: str) -> Markup:
    """Return charts side by side where there is room."""
    return element("div", *figures, class_="charts")


def paragraph(*words: str) -> Markup:
    """Return a paragraph."""
    return element("p", *words)


def how_well(measured: Measurements) -> Markup:
    """Return the version beside the usual methods."""
    first, *others = measured.standings
    names = list(first.figures)
    written = share if names[0] == "accuracy" else number
    rows = []
    for one in measured.standings:
        if one.failed:
            rows.append((one.name, *["–"] * (len(names) + 2)))
            continue
        said = [written(value) if what == names[0] else number(value) for what, value in one.figures.items()]
        rows.append((one.name, said[0], f"{written(one.low)} to {written(one.high)}", *said[1:], _apart(one, names[0])))
    head = ("method", names[0], "95 % interval", *names[1:], "ChainzRule minus it")
    words = (part for one in measured.standings for part in (element("dt", one.name), element("dd", _how(one))))
    hows = element("dl", *words, class_="methods")
    return section(
        "How well it does",
        "comparison",
        paragraph(_verdict(others, names[0])),
        charts(comparison_chart(measured.standings), hows),
        table(head, rows, "Every method on the same test rows", numbers=len(head) - 1),
    )


def _how(one: Standing) -> str:
    return one.how if one.failed is None else f"{one.how}. {one.failed[0].upper()}{one.failed[1:]}."


def _apart(one: Standing, figure: str) -> str:
    if one.difference is None:
        return "–"
    apart, low, high = (points(value) if figure == "accuracy" else f"{value:+.3g}" for value in one.difference[:3])
    return f"{apart}{' points' if figure == 'accuracy' else ''} ({low} to {high})"


def _verdict(others: Sequence[Standing], figure: str) -> str:
    """Return in a sentence how the version does beside the others."""
    found: dict[str, list[str]] = {}
    for one in others:
        found.setdefault(_outcome(one, figure), []).append(one.name[0].lower() + one.name[1:])
    said = [f"it is {outcome} {listed(names)}" for outcome, names in found.items() if outcome]
    said += [f"{listed(names)} could not be fitted" for outcome, names in found.items() if not outcome]
    sentence = "; ".join(said)
    return f"By {figure} on these rows {sentence}."


def _outcome(one: Standing, figure: str) -> str:
    if one.difference is None:
        return ""
    if one.difference.low <= 0 <= one.difference.high:
        return "not shown to differ from"
    return "better than" if (one.difference.low > 0) == (figure == "accuracy") else "worse than"


def where_wrong(measured: Measurements) -> Markup:
    """Return the confusion of classes or a regression's residuals, and the surest mistakes."""
    answers = measured.answers
    if measured.confusion is None:
        shown: list[str] = [charts(*residual_charts(answers))]
        promised = answers.manifest.predicted
        inside = (answers.scores["lower"] <= answers.truth) & (answers.truth <= answers.scores["upper"])
        shown.append(
            paragraph(
                f"Intervals: {share(float(inside.mean()))} of the truths lie within theirs, "
                f"{100 * promised.coverage:g} % were promised; a value counts as right if "
                f"it is off by at most {number(promised.tolerance)}."
            )
        )
    else:
        shown = list(_classes(measured.confusion, answers.manifest.classes))
    if measured.surprises:
        rows = [
            (f"{one.place:,}", name(one.truth), name(one.said), f"{one.score:.3f}", f"{one.typicality:.3f}")
            for one in measured.surprises
        ]
        head = (measured.subject.place, "truth", "answer", "score", "typicality")
        shown += [
            element("h3", "Wrong, and sure of it"),
            paragraph(
                "The wrong answers of the highest scores. Wrong labels in the data are often found here; so is what "
                "the columns do not tell."
            ),
            table(head, rows, f"Wrong answers of the highest scores, by their {measured.subject.place}", numbers=2),
        ]
    return section("Where it is wrong", "mistakes", *shown)


def _classes(confusion: Confusion, classes: tuple[str, ...]) -> Iterator[Markup]:
    mistakes = [(name(classes[true]), name(classes[said]), f"{rows:,}") for true, said, rows in confusion.commonest]
    commonest = table(("true class", "taken for", "rows"), mistakes, "The commonest mistakes", numbers=1)
    if len(classes) == 2:
        yield _matrix(confusion.counts, classes)
    elif len(classes) <= _MOST_BESIDE:
        yield charts(_matrix(confusion.counts, classes), commonest)
    elif len(classes) <= _MOST_IN_A_TABLE:
        yield _matrix(confusion.counts, classes)
        yield commonest
    else:
        yield charts(confusion_map(confusion, classes), _worst(confusion.counts, classes))
        yield commonest


def _matrix(counts: NDArray[np.int64], classes: tuple[str, ...]) -> Markup:
    totals = counts.sum(1).tolist()
    rows = [
        (
            name(classes[true]),
            *(_cell(count, totals[true], right=true == said) for said, count in enumerate(row)),
            _found(row[true], totals[true]),
        )
        for true, row in enumerate(counts.tolist())
    ]
    head = ("true class", *map(name, classes), "found")
    return table(head, rows, "Rows by true class (down) and answer (across)", numbers=len(classes) + 1)


def _worst(counts: NDArray[np.int64], classes: tuple[str, ...]) -> Markup:
    totals = counts.sum(1)
    found = np.diag(counts) / np.maximum(totals, 1)
    order = np.argsort(found, kind="stable")[:_WORST].tolist()
    rows = [
        (str(place + 1), name(classes[place]), _found(int(counts[place, place]), int(totals[place]))) for place in order
    ]
    caption = f"The {len(rows)} classes that are found least, of {len(classes)}"
    return table(("place", "class", "found"), rows, caption, numbers=1)


def _cell(count: int, total: int, *, right: bool) -> Markup:
    shade = round(100 * count / total) if total else 0
    kind = "right" if right else "wrong"
    return element("span", f"{count:,}", class_=f"cell {kind}", style=f"--share:{shade}%")


def _found(count: int, total: int) -> str:
    return f"{share(count / total)} of {total:,}" if total else "no row"


def believable(measured: Measurements) -> Markup:
    """Return whether the score is the probability that it says it is."""
    evaluation = measured.answers.reliability
    right = measured.answers.right
    return section(
        "Whether its score is to be believed",
        "calibration",
        paragraph(
            f"The score is the probability that an answer is right: {share(float(evaluation.mean()))} on average, and "
            f"{share(float(right.mean()))} were right."
        ),
        charts(*map(calibration_chart, measured.calibrations)),
    )


def only_the_surest(measured: Measurements) -> Markup:
    """Return what is gained by using only sure answers, and what became of the levels' promises."""
    rows = []
    for one in measured.promises:
        promise = f"at most {100 * one.risk:g} % wrong, {100 * one.confidence:g} % sure"
        if one.score is None:
            rows.append((one.name, "none could be promised", promise, "–", "–"))
            continue
        seen = f"{share(one.wrong / one.rows)} ({one.wrong:,} of {one.rows:,})" if one.rows else "no row"
        rows.append((one.name, f"≥ {one.score:.3f}", promise, share(one.coverage), seen))
    ranked = " ".join(
        f"By {one.name} a wrong answer stands below a right one with probability {number(one.auroc)}."
        for one in measured.selections
        if not np.isnan(one.auroc)
    )
    head = ("advice", "score", "promised", "test rows", "of them wrong")
    return section(
        "If only the surest answers are used",
        "coverage",
        paragraph(ranked or "All answers are alike right or wrong: there is nothing to rank."),
        charts(
            selection_chart(measured.selections),
            table(head, rows, "The manifest's levels on the test rows", numbers=2),
        ),
    )


def usual_rows(measured: Measurements) -> Markup:
    """Return whether test rows are as usual as they should be, and τ."""
    usual, manifest = measured.usual, measured.answers.manifest
    strange = manifest.reference.thresholds.out_of_distribution
    verdict = (
        "That is what chance gives: nothing says that the test rows are other rows than the calibration rows."
        if usual.p >= 0.05
        else "That is more than chance gives: the test rows are not quite like the calibration rows. Split by time or "
        "group, that is often so, and it will be so in production."
    )
    return section(
        "Whether the test rows are usual",
        "typicality",
        paragraph(
            f"Typicality is uniform for rows like the calibration rows. Here its largest gap to that is "
            f"{usual.gap:.3f} (Kolmogorov–Smirnov, p {chance(usual.p)}). {verdict} "
            f"{share(usual.alarms)} count as out of distribution; at most "
            f"{100 * strange.false_alarm_rate:g} % of usual rows should, on average over calibration sets."
        ),
        charts(
            typicality_chart(usual),
            tail_chart(measured.answers.scores["tail_ratio"].astype(np.float64), measured.tau),
        ),
        paragraph(
            f"τ, the 99th percentile of ‖J‖ over its mean, is {measured.tau:.3f} on these rows and "
            f"{manifest.reference.tail_ratio:.3f} on the calibration rows. Near 1 every row is answered by about "
            "the same slope, as by a nearly straight network."
        ),
    )


def left_out(measured: Measurements) -> Markup | None:
    """Return what this report has not."""
    if not measured.subject.left_out:
        return None
    items = (element("li", sentence) for sentence in measured.subject.left_out)
    return section("What is left out", "left-out", element("ul", join(items)))
