"""The parts of the report on what the version is made of: features, polynomials, and the data."""

from model_export.report.charts import SHOWN_FEATURES, layer_chart, leaning_chart
from model_export.report.html import Markup, element, join, name, table
from model_export.report.measurements import Measurements
from model_export.report.sections import charts, paragraph, section
from model_export.report.words import share, shortened

_MOST_COLUMNS = 200
_MOST_FINDINGS = 50
_FIRST = ("leak", "shared", "duplicates", "outlier")
"""Kinds of findings in the order of what they spoil"""


def leaning(measured: Measurements) -> Markup | None:
    """Return which features the predictions lean on."""
    if not measured.leanings:
        return None
    manifest = measured.answers.manifest
    if manifest.regression:
        what, unit = f"the value of {manifest.regression.target}", "In the target's unit"
    elif manifest.task == "ordinal":
        what, unit = "the number that the level rises with", "In units of the network's output"
    else:
        what, unit = "the margin between the answer and its runner-up", "In log-odds"
    words = [
        f"How much {what} changes with a feature, per training standard deviation of it, at each test row: the mean of "
        "its size. It is local: what a small change would do, not what a large one would, nor a cause. Features that "
        "tell the same share it among them. Of a category, a date or a text it is the norm over the columns made of it."
    ]
    rest = measured.leanings[SHOWN_FEATURES:]
    if rest:
        words.append(f" The {SHOWN_FEATURES} largest of {len(measured.leanings)} are shown.")
    chart = leaning_chart(measured.leanings, f"{unit} per training standard deviation")
    return section("Which features the predictions lean on", "features", paragraph("".join(words)), charts(chart))


def polynomials(measured: Measurements) -> Markup | None:
    """Return the learned activations."""
    if not measured.layers:
        return None
    bent = [share(float((layer.straightness < 0.9).mean())) for layer in measured.layers]
    unit = measured.layers[0].unit
    layers = ", ".join(f"{part} in layer {layer.layer}" for part, layer in zip(bent, measured.layers, strict=True))
    return section(
        "The learned polynomials",
        "polynomials",
        paragraph(
            f"Each {unit}'s activation is a polynomial of its own ({measured.answers.manifest.network.activation}). "
            f"Each is drawn over the middle 98 % of the inputs that the test {measured.subject.kind} give it; colours "
            f"follow where these lie. The share of {unit}s of which a straight line explains less than nine tenths: "
            f"{layers}."
        ),
        charts(*map(layer_chart, measured.layers)),
    )


def suspicious(measured: Measurements) -> Markup:
    """Return what looked suspicious in the data, and what each column was read as."""
    subject = measured.subject
    order = {kind: place for place, kind in enumerate(_FIRST)}
    findings = sorted(subject.findings, key=lambda finding: order.get(finding.kind, len(order)))
    items = [
        element("li", element("strong", finding.kind, class_=f"badge {finding.kind}"), " ", name(finding.text))
        for finding in findings[:_MOST_FINDINGS]
    ]
    if len(findings) > _MOST_FINDINGS:
        items.append(element("li", f"and {len(findings) - _MOST_FINDINGS:,} more, which the terminal has listed"))
    items += [element("li", element("strong", "note", class_="badge"), " ", name(note)) for note in subject.notes]
    found: list[str] = [element("ul", join(items), class_="findings") if items else paragraph("Nothing was found.")]
    if subject.columns:
        rows = [
            (
                name(shortened(column.name, 60)),
                column.kind if column.used else f"left out: {column.kind}",
                name(shortened(column.why, 80)),
                f"{column.distinct:,}",
                share(column.missing) if column.missing else "",
            )
            for column in subject.columns[:_MOST_COLUMNS]
        ]
        more = f", the first {_MOST_COLUMNS} of {len(subject.columns)}" if len(subject.columns) > _MOST_COLUMNS else ""
        columns = table(("column", "read as", "because", "different", "missing"), rows, f"The columns{more}", numbers=2)
        title = f"What the {len(subject.columns)} columns were read as"
        found.append(element("details", element("summary", title), columns))
    searched = (
        "Looked for: columns that tell the target alone, rows that stand in several parts of the split, rows that "
        "repeat, constant, empty and numbering columns, numbers far from the others."
    )
    words = [paragraph(searched)] if subject.kind == "rows" else []
    return section("What looked suspicious in the data", "data", *words, *found)
