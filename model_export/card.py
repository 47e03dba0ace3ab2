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
    TextInput,
)
from service.manifest import Level, Manifest

_SHOWN_CATEGORIES = 5


def card(manifest: Manifest) -> Group:
    """Return the manifest laid out for a terminal."""
    reference, evaluation, training = manifest.reference, manifest.evaluation, manifest.training
    thresholds = reference.thresholds
    strange = thresholds.out_of_distribution
    facts = Table.grid(padding=(0, 2))
    off = evaluation.mean_absolute_error
    levels = "" if off is None else f", {off:.3f} levels off on average"
    auroc = "no wrong row" if evaluation.error_auroc is None else f"{evaluation.error_auroc:.3f}"
    for name, value in {
        "classes": ", ".join(manifest.classes),
        "network": f"{', '.join(manifest.network.layers)}, {manifest.network.activation}, "
        f"{manifest.network.parameters:,} parameters",
        "trained on": f"{training.data}; {training.rows} rows, stopped by {training.validation_rows} others after "
        f"{training.epochs} epochs, seed {training.seed}",
        "DREG λ": training.dreg,
        "calibrated on": f"{reference.rows} held-out rows: mean ‖J‖ {reference.jacobian_norm:.3f}, "
        f"τ {reference.tail_ratio:.3f}, temperature {reference.temperature:.2f}, "
        f"smallest typicality {reference.smallest_typicality:.4f}",
        "accept": _promise(thresholds.review),
        "review": _promise(thresholds.reject),
        "out of distribution": f"typicality ≤ {strange.typicality:g} (false alarms at most "
        f"{100 * strange.false_alarm_rate:g} % of rows like the calibration rows)",
        "tested on": f"{evaluation.rows} rows: accuracy {evaluation.accuracy:.3f} (always the commonest class "
        f"{evaluation.majority_accuracy:.3f}){levels}, log loss {evaluation.log_loss:.3f}, "
        f"τ {evaluation.tail_ratio:.3f}",
        "reliability": f"mean {evaluation.mean_reliability:.3f} beside accuracy {evaluation.accuracy:.3f}; "
        f"ranks wrong below right with AUROC {auroc}",
        "typicality": f"below 0.05 on {evaluation.typicality_below_0_05:.3f} of the test rows",
    }.items():
        facts.add_row(Text(name, style="bold"), Text(value))

    title = Text(f"{manifest.name} version {manifest.version}", style="bold cyan")
    return Group(title, Text(manifest.description), "", facts, "", _taken(manifest.input))


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
