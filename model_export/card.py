"""A manifest as a card to read."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from service.inputs import (
    CategoricalFeature,
    Column,
    DateFeature,
    Feature,
    ImageInput,
    Input,
    TableInput,
    TextFeature,
    TextInput,
)
from service.manifest import Level, Manifest
from service.regression import Regression

_SHOWN_CATEGORIES = 5


def card(manifest: Manifest) -> Group:
    """Return the manifest laid out for a terminal."""
    reference, evaluation, training = manifest.reference, manifest.evaluation, manifest.training
    thresholds = reference.thresholds
    strange = thresholds.out_of_distribution
    facts = Table.grid(padding=(0, 2))
    auroc = "no wrong row" if evaluation.error_auroc is None else f"{evaluation.error_auroc:.3f}"
    answers = _classes(manifest) if manifest.regression is None else _number(manifest.regression)
    for name, value in {
        **answers,
        "network": f"{', '.join(manifest.network.layers)}, {manifest.network.activation}, "
        f"{manifest.network.parameters:,} parameters",
        "trained on": f"{training.data}; {training.rows} rows, stopped by {training.validation_rows} others after "
        f"{training.epochs} epochs, seed {training.seed}",
        "DREG λ": training.dreg,
        "calibrated on": f"{reference.rows} held-out rows: mean ‖J‖ {reference.jacobian_norm:.3f}, "
        f"τ {reference.tail_ratio:.3f}{_temperature(manifest)}, "
        f"smallest typicality {reference.smallest_typicality:.4f}",
        "accept": _promise(thresholds.review),
        "review": _promise(thresholds.reject),
        "out of distribution": f"typicality ≤ {strange.typicality:g} (false alarms at most "
        f"{100 * strange.false_alarm_rate:g} % of rows like the calibration rows)",
        "tested on": f"{evaluation.rows} rows: {_figures(manifest)}, τ {evaluation.tail_ratio:.3f}",
        "reliability": f"mean {evaluation.mean_reliability:.3f} beside accuracy {evaluation.accuracy:.3f}; "
        f"ranks wrong below right with AUROC {auroc}",
        "typicality": f"below 0.05 on {evaluation.typicality_below_0_05:.3f} of the test rows",
    }.items():
        facts.add_row(Text(name, style="bold"), Text(value))

    title = Text(f"{manifest.name} version {manifest.version}", style="bold cyan")
    return Group(title, Text(manifest.description), "", facts, "", _taken(manifest.input))


def _temperature(manifest: Manifest) -> str:
    return "" if manifest.regression else f", temperature {manifest.reference.temperature:.2f}"


def _classes(manifest: Manifest) -> dict[str, str]:
    return {"classes": ", ".join(manifest.classes)}


def _number(regression: Regression) -> dict[str, str]:
    """Return what is predicted and what its interval promises."""
    unit = "" if regression.unit is None else f" {regression.unit}"
    low, high = (
        2 * regression.quantile * difficulty
        for difficulty in (regression.least_difficulty, regression.greatest_difficulty)
    )
    widths = f"all {low:.4g}{unit} wide" if low == high else f"{low:.4g} to {high:.4g}{unit} wide, by difficulty"
    return {
        "predicts": f"{regression.target}, {regression.minimum:.4g} … {regression.maximum:.4g}{unit} in training, "
        f"{regression.mean:.4g} ± {regression.standard_deviation:.4g}; right if off by at most "
        f"{regression.tolerance:.4g}{unit}",
        "intervals": f"{100 * regression.coverage:g} % of rows like the calibration rows lie within theirs; {widths}",
    }


def _figures(manifest: Manifest) -> str:
    """Return how a model did on its test rows."""
    evaluation = manifest.evaluation
    accuracy, majority = f"{evaluation.accuracy:.3f}", f"{evaluation.majority_accuracy:.3f}"
    found = evaluation.regression
    if found is None:
        off = evaluation.mean_absolute_error
        levels = "" if off is None else f", {off:.3f} levels off on average"
        return (
            f"accuracy {accuracy} (always the commonest class {majority}){levels}, log loss {evaluation.log_loss:.3f}"
        )
    r2 = "" if found.r2 is None else f", R² {found.r2:.3f}"
    return (
        f"root mean squared error {found.root_mean_squared_error:.4g}, mean absolute error "
        f"{found.mean_absolute_error:.4g}{r2}, {accuracy} right (a constant {majority}); {100 * found.coverage:.1f} % "
        f"within their intervals, {found.mean_width:.4g} wide on average, interval score {found.interval_score:.4g} "
        f"({found.constant_interval_score:.4g} of intervals of one width)"
    )


def _taken(taken: Input) -> Table:
    """Return what a model takes, as a table."""
    match taken:
        case TableInput():
            rows = Table("feature", "unit", "range in training", "mean ± deviation", "null")
            for feature in taken.features:
                cells = (feature.name, *_facts(feature), "accepted" if feature.may_be_missing else "refused")
                rows.add_row(*map(Text, cells))
            if taken.ignored:
                rows.add_row(Text(", ".join(taken.ignored)), Text("ignored"))
        case TextInput():
            rows = Table("text", "cut after", "embedding")
            made = f"{taken.encoder}, {taken.dimensions} dimensions"
            rows.add_row(Text(taken.example), f"{taken.max_tokens} tokens", Text(made))
        case ImageInput():
            rows = Table("image", "of another size", "channel", "mean ± deviation")
            facts = [f"{taken.width} × {taken.height} (width × height)", taken.resize]
            for channel in taken.channels:
                rows.add_row(*facts, channel.name, f"{channel.mean:.4g} ± {channel.standard_deviation:.4g}")
                facts = ["", ""]
    return rows


def _facts(feature: Column) -> tuple[str, str, str]:
    """Return a feature's unit, range and spread in words."""
    match feature:
        case CategoricalFeature():
            shown = ", ".join(feature.categories[:_SHOWN_CATEGORIES])
            more = len(feature.categories) - _SHOWN_CATEGORIES
            return "category", shown + (f" and {more} more" if more > 0 else ""), ""
        case DateFeature():
            spread = f"{feature.written(feature.mean)} ± {feature.standard_deviation:.4g} days"
            return "date", f"{feature.earliest} … {feature.latest}", spread
        case TextFeature():
            tokens = f"{feature.shortest} … {feature.longest} tokens, cut after {feature.max_tokens}"
            return "text", tokens, feature.encoder
        case Feature():
            spread = f"{feature.mean:.4g} ± {feature.standard_deviation:.4g}"
            return feature.unit or "", f"{feature.minimum:g} … {feature.maximum:g}", spread


def _promise(level: Level) -> str:
    """Return a level of reliability and what it promises, in a line."""
    promise = f"at most {100 * level.risk:g} % wrong, {100 * level.confidence:g} % sure"
    if level.score is None or level.observed_risk is None:
        return f"never: no level could be promised ({promise}) by {level.rows} rows"
    reached, wrong = f"{100 * level.coverage:.0f} %", f"{100 * level.observed_risk:.1f} %"
    return f"reliability ≥ {level.score:.4f} ({promise}): {reached} of {level.rows} rows reach it, {wrong} wrong"
