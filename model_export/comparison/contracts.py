"""What two manifests say differently, in sentences, and what keeps two versions from being compared."""

from collections.abc import Iterator, Sequence
from itertools import chain

from model_export.errors import DataError
from service.inputs import CategoricalFeature, Column, Feature, ImageInput, TableInput, TextInput
from service.manifest import Manifest

_MOST_NAMES = 10


def check_comparable(old: Manifest, new: Manifest) -> None:
    """Refuse two models that no row can be asked of both, or whose answers mean different things.

    Raises:
        DataError: saying what differs.
    """
    if old.input.kind != new.input.kind:
        raise DataError(f"the one takes {old.input.kind}s and the other {new.input.kind}s: there is nothing to compare")
    numbers = [manifest.regression is not None for manifest in (old, new)]
    if numbers[0] != numbers[1]:
        raise DataError("the one predicts a number and the other a class: there is nothing to compare")
    if not numbers[0] and not set(old.classes) & set(new.classes):
        raise DataError(
            f"they have no class in common: {', '.join(old.classes)} and {', '.join(new.classes)}; there is nothing to "
            "compare"
        )
    targets = [manifest.regression.target for manifest in (old, new) if manifest.regression]
    if len(set(targets)) > 1:
        raise DataError(f"the one predicts {targets[0]} and the other {targets[1]}: there is nothing to compare")


def differences(old: Manifest, new: Manifest) -> tuple[str, ...]:
    """Return what is not the same of two comparable versions, the data that they were trained on among it."""
    return tuple(chain(_identity(old, new), _answers(old, new), _inputs(old, new), _making(old, new)))


def _identity(old: Manifest, new: Manifest) -> Iterator[str]:
    if old.name != new.name:
        yield f"two models: {old.name} and {new.name}"
    elif new.version <= old.version:
        yield f"version {new.version} is not newer than version {old.version}"


def _answers(old: Manifest, new: Manifest) -> Iterator[str]:
    if old.task != new.task:
        yield f"task: {old.task}, now {new.task}"
    yield from _names("classes", old.classes, new.classes)
    if set(old.classes) == set(new.classes) and old.classes != new.classes:
        yield f"order of the classes, and so the labels' numbers under /v2: now {', '.join(new.classes)}"
    if old.regression and new.regression:
        for name in ("unit", "tolerance", "coverage"):
            before, after = getattr(old.regression, name), getattr(new.regression, name)
            if before != after:
                yield f"{name}: {_shown(before)}, now {_shown(after)}"


def _inputs(old: Manifest, new: Manifest) -> Iterator[str]:
    match old.input, new.input:
        case TableInput() as before, TableInput() as after:
            yield from _tables(before, after)
        case TextInput() as before, TextInput() as after:
            if before.encoder != after.encoder:
                yield f"encoder: {before.encoder}, now {after.encoder}"
            if before.max_tokens != after.max_tokens:
                yield f"most tokens of a text: {before.max_tokens}, now {after.max_tokens}"
        case ImageInput() as before, ImageInput() as after:
            forms = [f"{taken.width} × {taken.height} {taken.mode}, {taken.resize}" for taken in (before, after)]
            if forms[0] != forms[1]:
                yield f"pictures: {forms[0]}, now {forms[1]}"


def _tables(old: TableInput, new: TableInput) -> Iterator[str]:
    yield from _names("inputs", old.names, new.names)
    refused = [name for name in old.names if name not in (*new.names, *new.ignored)]
    lacking = [name for name in new.names if name not in old.names]
    if refused or lacking:
        yield "requests by name that are written for the old version are refused by the new one"
    if set(old.names) == set(new.names) and old.names != new.names:
        yield f"order of the inputs, which lists and tensors go by: now {', '.join(new.names)}"
    before = {feature.name: feature for feature in old.features}
    for feature in new.features:
        if feature.name in before:
            yield from _features(before[feature.name], feature)


def _features(old: Column, new: Column) -> Iterator[str]:
    if old.kind != new.kind:
        yield f"{new.name}: a {old.kind}, now a {new.kind}"
    elif isinstance(old, CategoricalFeature) and isinstance(new, CategoricalFeature):
        yield from _names(f"categories of {new.name}", old.categories, new.categories)
    elif isinstance(old, Feature) and isinstance(new, Feature) and old.unit != new.unit:
        yield f"unit of {new.name}: {_shown(old.unit)}, now {_shown(new.unit)}"
    if old.may_be_missing != new.may_be_missing:
        yield f"{new.name} may {'now' if new.may_be_missing else 'no longer'} be missing"


def _making(old: Manifest, new: Manifest) -> Iterator[str]:
    before, after = old.training, new.training
    if (before.data, before.rows) == (after.data, after.rows):
        yield f"both were trained on {after.rows:,} rows of {after.data}"
    else:
        yield f"trained on {before.rows:,} rows of {before.data}, now on {after.rows:,} rows of {after.data}"


def _names(what: str, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    added = [name for name in new if name not in old]
    dropped = [name for name in old if name not in new]
    parts = [f"{verb} {_listed(names)}" for verb, names in (("added", added), ("dropped", dropped)) if names]
    if parts:
        yield f"{what}: {'; '.join(parts)}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _shown(value: object) -> str:
    return "none" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
