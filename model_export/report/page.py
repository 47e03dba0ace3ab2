"""The report as one HTML file that needs no other, no network and no script."""

from collections.abc import Iterator
from importlib.resources import files

from model_export.report.html import Markup, element, join, name
from model_export.report.insides import leaning, polynomials, suspicious
from model_export.report.measurements import Measurements
from model_export.report.sections import (
    believable,
    how_well,
    left_out,
    only_the_surest,
    usual_rows,
    where_wrong,
)
from model_export.report.words import number, share

# Nothing is loaded or run, were anything out of the data ever to become markup.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(measured: Measurements) -> str:
    """Return the report."""
    manifest = measured.answers.manifest
    title = f"{manifest.name} version {manifest.version}"
    parts = [
        how_well(measured),
        where_wrong(measured),
        believable(measured),
        only_the_surest(measured),
        usual_rows(measured),
        leaning(measured),
        polynomials(measured),
        suspicious(measured),
        left_out(measured),
    ]
    style = Markup(files(__package__).joinpath("page.css").read_text(encoding="utf-8"))
    head = join(
        [
            Markup('<meta charset="utf-8">'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
            Markup('<meta name="color-scheme" content="light dark">'),
            element("title", f"{title}: report"),
            element("style", style),
        ]
    )
    body = (_header(measured, title), element("main", *filter(None, parts)), _footer(measured))
    return f"<!doctype html>\n{element('html', element('head', head), element('body', *body), lang='en')}\n"


def _header(measured: Measurements, title: str) -> Markup:
    manifest, subject = measured.answers.manifest, measured.subject
    rows = f"{subject.of:,}"
    if subject.of > len(subject.truth):
        rows = f"{len(subject.truth):,} of {rows}, drawn at random,"
    words = (
        f"All figures are of the exported version, asked as it is served, on {rows} test {subject.kind} that nothing "
        f"was chosen by; split {subject.split}."
    )
    return element(
        "header",
        element("h1", name(title)),
        element("p", name(manifest.description), class_="description"),
        element("p", words, class_="note"),
        element("dl", *_tiles(measured), class_="tiles"),
    )


def _tiles(measured: Measurements) -> Iterator[Markup]:
    first = measured.standings[0]
    what, value = next(iter(first.figures.items()))
    written = share if what == "accuracy" else number
    yield _tile(what, written(value), f"{written(first.low)} to {written(first.high)}")
    fitted = [one for one in measured.standings[1:] if one.figures]
    best = (max if what == "accuracy" else min)(fitted, key=lambda one: one.figures[what])
    yield _tile("best of the others", written(best.figures[what]), best.name.lower())
    score = measured.calibrations[0]
    yield _tile("calibration error", share(score.error), "of the score")
    chance = "what chance gives" if measured.usual.p >= 0.05 else "more than chance gives"
    yield _tile("typicality's gap", number(measured.usual.gap), chance)
    yield _tile("τ", f"{measured.tau:.3f}", "99th percentile / mean of ‖J‖")
    leaks = sum(finding.kind in {"leak", "shared"} for finding in measured.subject.findings)
    yield _tile("suspicions", str(len(measured.subject.findings)), f"{leaks} of them serious", bad=leaks > 0)


def _tile(title: str, value: str, note: str, *, bad: bool = False) -> Markup:
    return element(
        "div",
        element("dt", title),
        element("dd", value),
        element("dd", note, class_="note"),
        class_="bad" if bad else None,
    )


def _footer(measured: Measurements) -> Markup:
    manifest = measured.answers.manifest
    training = manifest.training
    words = (
        f"Network: {', '.join(manifest.network.layers)}; {manifest.network.activation}, "
        f"{manifest.network.parameters:,} parameters, DREG λ {training.dreg}. Trained on {training.data}: "
        f"{training.rows:,} rows, stopped by {training.validation_rows:,} others after {training.epochs} epochs, "
        f"seed {training.seed}. "
        f"Calibrated on {manifest.reference.rows:,} rows."
    )
    return element("footer", element("p", name(words)))
