"""The report's charts, each with the words that a screen reader says in its place."""

from collections.abc import Sequence

import numpy as np

from model_export.report.answers import Answers, Floats
from model_export.report.comparison import Standing
from model_export.report.html import Markup, element
from model_export.report.mistakes import Confusion
from model_export.report.polynomials import LayerCurves
from model_export.report.signals import PARTS, Calibration, Leaning, Selection, Usualness
from model_export.report.svg import WIDTH, Plot, figure, percent, picture, plain, text
from model_export.report.words import number, share, shortened

SHOWN_FEATURES = 20

_DOTS = 1_000
"""Rows that are drawn one by one, at most"""

_COLOURS = ("first", "second")


def comparison_chart(standings: Sequence[Standing]) -> Markup:
    """Draw each method's first figure with its interval, one below the other."""
    fitted = [standing for standing in standings if standing.figures]
    what = next(iter(fitted[0].figures))
    written = share if what == "accuracy" else number
    low, high = min(one.low for one in fitted), max(one.high for one in fitted)
    margin = 0.06 * (high - low) or 0.5
    left, right, row = 12.0, WIDTH - 12.0, 38.0

    def across(value: float) -> str:
        return f"{left + (right - left) * (value - low + margin) / (high - low + 2 * margin):.1f}"

    parts: list[Markup] = []
    for place, one in enumerate(fitted):
        kind = _COLOURS[min(place, 1)]
        top, value = place * row, one.figures[what]
        middle = f"{top + 28:.1f}"
        ends = {"x1": across(one.low), "x2": across(one.high)}
        parts += [
            text(one.name, left, top + 14, kind="strong" if place == 0 else None),
            text(written(value), right, top + 14, anchor="end", kind="strong" if place == 0 else None),
            Markup(f'<line class="axis" x1="{left}" x2="{right}" y1="{middle}" y2="{middle}"></line>'),
            Markup(
                f'<line class="whisker {kind}" x1="{ends["x1"]}" x2="{ends["x2"]}" y1="{middle}" y2="{middle}"></line>'
            ),
            Markup(f'<circle class="dot {kind}" cx="{across(value)}" cy="{middle}" r="5"></circle>'),
        ]
    said = "; ".join(
        f"{one.name} {written(one.figures[what])}, from {written(one.low)} to {written(one.high)}" for one in fitted
    )
    drawing = picture(parts, WIDTH, row * len(fitted) + 4, f"{what.capitalize()} of each method", said)
    return figure(
        f"{what.capitalize()} on the test rows",
        drawing,
        "Bars: 95 % of what other draws of test rows would give (bootstrap).",
    )


def calibration_chart(calibration: Calibration) -> Markup:
    """Draw a reliability diagram."""
    low = min(min(one.said, one.low) for one in calibration.bins)
    start = float(np.floor(10 * low) / 10)
    plot = Plot(
        (start, 1),
        (start, 1),
        f"{calibration.name}, mean of a tenth of the rows" if len(calibration.bins) == 10 else calibration.name,
        "share that was right",
        x_format=percent,
        y_format=percent,
        height=280,
    )
    plot.line([(start, start), (1, 1)], "ideal")
    plot.line([(one.said, one.seen) for one in calibration.bins], "first thin")
    for one in calibration.bins:
        plot.whisker(one.said, one.low, one.high, "first")
        plot.dot(
            one.said,
            one.seen,
            "dot first",
            f"said {share(one.said)}, right {share(one.seen)} of {one.rows} rows, "
            f"from {share(one.low)} to {share(one.high)}",
        )
    said = "; ".join(f"said {share(one.said)}, right {share(one.seen)}" for one in calibration.bins)
    title = f"Reliability diagram of the {calibration.name}"
    return figure(
        title,
        plot.markup(title, said),
        f"Calibration error {share(calibration.error)}. Bars: Wilson's 95 % interval.",
        [("ideal", "as it should be")],
    )


def selection_chart(selections: Sequence[Selection]) -> Markup:
    """Draw risk–coverage curves."""
    top = max(risk for one in selections for _, risk in one.points)
    plot = Plot(
        (0, 1),
        (0, max(1.1 * top, 0.01)),
        "coverage: share that is used, the surest first",
        "share of them that is wrong",
        x_format=percent,
        y_format=percent,
    )
    for one, kind in reversed(list(zip(selections, _COLOURS, strict=False))):
        plot.line(one.points, kind, f"{one.name}: AURC {one.area:.4f}")
    halves = [min(one.points, key=lambda point: abs(point[0] - 0.5))[1] for one in selections]
    said = "; ".join(
        f"by {one.name} {share(half)} of the surer half are wrong, of all {share(one.points[-1][1])}"
        for one, half in zip(selections, halves, strict=True)
    )
    title = "Risk by coverage"
    return figure(
        title,
        plot.markup(title, said),
        " ".join(f"AURC by {one.name} {one.area:.4f}." for one in selections) + " Lower is better.",
        [(kind, one.name) for one, kind in zip(selections, _COLOURS, strict=False)],
    )


def typicality_chart(usual: Usualness) -> Markup:
    """Draw the histogram of typicality beside the uniform distribution."""
    low, high = usual.band
    plot = Plot(
        (0, 1),
        (0, 1.1 * max(float(usual.shares.max()), high)),
        "typicality: below 0.05 is unusual",
        "share of the rows",
        y_format=percent,
    )
    plot.bar(0, 1, low, high, "band", f"95 % of such shares lie between {share(low)} and {share(high)} by chance")
    for place, value in enumerate(usual.shares.tolist()):
        left, right = place / PARTS, (place + 1) / PARTS
        plot.bar(left + 0.003, right - 0.003, 0, value, "bar first", f"{left:.2f} to {right:.2f}: {share(value)}")
    plot.line([(0, 1 / PARTS), (1, 1 / PARTS)], "ideal")
    title = "Typicality of the test rows"
    said = f"{share(float(usual.shares[0]))} are below 0.05, where 5 % are expected; the largest gap is {usual.gap:.3f}"
    return figure(title, plot.markup(title, said), legend=[("ideal", "rows like the calibration rows")])


def tail_chart(ratios: Floats, tau: float) -> Markup:
    """Draw the histogram of ‖J‖ over its mean on calibration rows, with its mean and 99th percentile."""
    mean, high = float(ratios.mean()), float(np.quantile(ratios, 0.99))
    start, end = np.quantile(ratios, [0.001, 0.999]).tolist()
    counts, edges = np.histogram(ratios, 40, (start, end) if end > start else None)
    shares = counts / len(ratios)
    plot = Plot(
        (float(edges[0]), float(edges[-1])),
        (0, 1.3 * float(shares.max())),
        "‖J‖ over its mean in calibration, the middle 99.8 %",
        "share of the rows",
        y_format=percent,
    )
    for left, right, value in zip(edges[:-1].tolist(), edges[1:].tolist(), shares.tolist(), strict=True):
        plot.bar(left, right, 0, value, "bar first", f"{left:.2f} to {right:.2f}: {share(value)}")
    plot.mark(mean, f"mean {mean:.2f}")
    plot.mark(high, f"99th percentile {high:.2f}", 1)
    title = "How steep the network is at each test row"
    return figure(title, plot.markup(title, f"mean {mean:.3f}, 99th percentile {high:.3f}, so that τ is {tau:.3f}"))


def leaning_chart(leanings: Sequence[Leaning], unit: str) -> Markup:
    """Draw mean |sensitivity| by feature, the largest first."""
    shown = leanings[:SHOWN_FEATURES]
    longest = max(one.high for one in shown) or 1.0
    left, right, row = 4.0, WIDTH - 4.0, 34.0
    parts: list[Markup] = []
    for place, one in enumerate(shown):
        top = place * row
        ends = [f"{left + (right - left) * value / longest:.1f}" for value in (one.mean, one.low, one.high)]
        middle = f"{top + 24:.1f}"
        parts += [
            text(shortened(one.name, 40), left, top + 14),
            text(number(one.mean), right, top + 14, anchor="end"),
            Markup(
                f'<rect class="bar first" x="{left}" y="{top + 19:.1f}" height="10" '
                f'width="{float(ends[0]) - left:.1f}"></rect>'
            ),
            Markup(f'<line class="whisker" x1="{ends[1]}" x2="{ends[2]}" y1="{middle}" y2="{middle}"></line>'),
        ]
    said = "; ".join(f"{one.name} {number(one.mean)}" for one in shown)
    title = "Mean size of the sensitivity"
    drawing = picture(parts, WIDTH, row * len(shown) + 4, title, said)
    more = f" The {len(shown)} largest of {len(leanings)}." if len(leanings) > len(shown) else ""
    return figure(title, drawing, f"{unit}. Lines: eight of ten rows.{more}")


def layer_chart(layer: LayerCurves) -> Markup:
    """Draw the activations of a layer over the histogram of their inputs."""
    values = np.concatenate([curve.value for curve in layer.curves])
    low, high = float(values.min()), float(values.max())
    floor = low - 0.3 * (high - low)
    plot = Plot(
        (float(layer.edges[0]), float(layer.edges[-1])),
        (floor, high),
        f"input z of a {layer.unit}; bars: where inputs lie",
        "φ(z)",
        height=260,
    )
    scale = 0.25 * (high - low) / float(layer.shares.max())
    for left, right, value in zip(
        layer.edges[:-1].tolist(), layer.edges[1:].tolist(), layer.shares.tolist(), strict=True
    ):
        plot.bar(left, right, floor, floor + scale * value, "bar quiet")
    order = np.argsort(np.argsort([curve.z.mean() for curve in layer.curves]))
    for curve, place in zip(layer.curves, order.tolist(), strict=True):
        kind = f"neuron n{6 * place // len(layer.curves)}"
        plot.line(list(zip(curve.z.tolist(), curve.value.tolist(), strict=True)), kind)
    drawn = "all" if len(layer.curves) == layer.neurons else f"{len(layer.curves)} of the"
    title = f"Layer {layer.layer}: {drawn} {layer.neurons} {layer.unit}s"
    median = float(np.median(layer.straightness))
    said = (
        f"inputs from {plain(float(layer.edges[0]))} to {plain(float(layer.edges[-1]))}, values from {plain(low)} to "
        f"{plain(high)}; a straight line explains {share(median)} of what the median {layer.unit} does"
    )
    return figure(
        title, plot.markup(title, said), f"A straight line explains {share(median)} of the median {layer.unit}."
    )


def confusion_map(confusion: Confusion, classes: Sequence[str]) -> Markup:
    """Draw the matrix of many classes as shades, an empty place where no row is."""
    size = len(classes)
    counts = confusion.counts
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    left, top, side = 20.0, 4.0, WIDTH - 24.0
    step = side / size
    parts = [Markup(f'<rect class="frame" x="{left}" y="{top}" width="{side}" height="{side}"></rect>')]
    for true, said in np.argwhere(counts).tolist():
        words = f"{classes[true]} taken for {classes[said]}" if true != said else f"{classes[true]}, told rightly"
        part = float(shares[true, said])
        parts.append(
            element(
                "rect",
                element("title", f"{words}: {counts[true, said]} rows, {share(part)} of the class"),
                x=f"{left + said * step:.2f}",
                y=f"{top + true * step:.2f}",
                width=f"{step:.2f}",
                height=f"{step:.2f}",
                fill_opacity=f"{0.25 + 0.75 * part:.2f}",
                class_="right" if true == said else "wrong",
            )
        )
    parts.append(text("predicted class, by its place", left + side / 2, top + side + 18, anchor="middle"))
    parts.append(
        text("true class", 10, top + side / 2, anchor="middle", transform=f"rotate(-90 10 {top + side / 2:.1f})")
    )
    title = f"Confusion of {size} classes"
    right = counts.trace() / counts.sum()
    drawing = picture(parts, WIDTH, side + 30, title, f"{share(float(right))} of the rows are on the diagonal")
    return figure(
        title, drawing, "The stronger the colour, the larger the share of the true class; on the diagonal it is right."
    )


def residual_charts(answers: Answers) -> tuple[Markup, Markup]:
    """Draw a regression's truth by value, and the histogram of its errors."""
    truth, value, errors = answers.truth, answers.predicted, answers.errors
    some = np.random.default_rng(0).permutation(len(truth))[:_DOTS]
    span = (float(min(truth[some].min(), value[some].min())), float(max(truth[some].max(), value[some].max())))
    plot = Plot(span, span, "value predicted", "truth", height=280)
    plot.line([(span[0], span[0]), (span[1], span[1])], "ideal")
    for row in some.tolist():
        plot.dot(float(value[row]), float(truth[row]), "speck first", radius=2)
    title = "Truth by value"
    correlation = float(np.corrcoef(value, truth)[0, 1]) if value.std() and truth.std() else 0.0
    drawn = f"{_DOTS:,} of the {len(truth):,} test rows, at random." if len(truth) > _DOTS else "Every test row."
    scatter = figure(title, plot.markup(title, f"their correlation is {correlation:.3f}"), drawn, [("ideal", "equal")])
    low, high = np.quantile(errors, [0.005, 0.995]).tolist()
    counts, edges = np.histogram(errors, 40, (low, high) if high > low else None)
    shares = counts / len(errors)
    histogram = Plot(
        (float(edges[0]), float(edges[-1])),
        (0, 1.1 * float(shares.max())),
        "value − truth, the middle 99 % of the rows",
        "share of the rows",
        y_format=percent,
        height=280,
    )
    for left, right, part in zip(edges[:-1].tolist(), edges[1:].tolist(), shares.tolist(), strict=True):
        histogram.bar(left, right, 0, part, "bar first", f"{plain(left)} to {plain(right)}: {share(part)}")
    title = "Residuals"
    said = f"mean {number(float(errors.mean()))}, standard deviation {number(float(errors.std()))}"
    return scatter, figure(title, histogram.markup(title, said), f"{said[0].upper()}{said[1:]}.")
