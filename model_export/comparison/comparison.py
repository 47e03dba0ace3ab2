"""Two versions of a model, compared on labelled rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.comparison.answers import Answers, ask, load
from model_export.comparison.contracts import check_comparable, differences
from model_export.comparison.disagreements import Disagreements, find_disagreements
from model_export.comparison.figures import Figure, Pair, figures_of_classes, figures_of_numbers
from model_export.comparison.judged import judge_classes, judge_numbers
from model_export.comparison.labelled_rows import LabelledRows, read_labelled
from model_export.errors import DataError
from model_export.own_data.values import shown
from service.manifest import Manifest


class LeftOut(NamedTuple):
    """A row that was not compared."""

    place: str
    why: str


class Comparison(NamedTuple):
    """What has changed between two versions."""

    old: Manifest
    new: Manifest
    rows: int
    """compared"""
    left_out: tuple[LeftOut, ...]
    changes: tuple[str, ...]
    """what the manifests say differently"""
    figures: tuple[Figure, ...]
    """the first decides"""
    resamples: int
    disagreements: Disagreements
    tolerance: float

    @property
    def worse(self) -> bool:
        """Whether the new version is shown to be worse by more than the tolerance."""
        return self.figures[0].worse_by_more_than(self.tolerance)


def compare(old: Path, new: Path, data: Path, target: str | None = None, tolerance: float = 0.0) -> Comparison:
    """Return what has changed between two versions, both run as the service runs them.

    Args:
        old: a version folder.
        new: another.
        data: a CSV or Parquet file, or a folder with a folder of pictures for each class.
        target: the file's column of labels; found out unless given.
        tolerance: the new version may be worse by so much, in accuracy or in the target's unit.

    Raises:
        ServiceError: if a version cannot be served.
        DataError: if they cannot be compared, or not on these data.
    """
    models = [load(folder) for folder in (old, new)]
    manifests = [model.manifest for model in models]
    check_comparable(manifests[0], manifests[1])
    rows = read_labelled(data, manifests, target)
    truth, left_out = _truth(rows, manifests)
    answers = [ask(model, rows) for model in models]
    for manifest, answer in zip(manifests, answers, strict=True):
        for row, why in answer.refused.items():
            left_out.setdefault(row, f"version {manifest.version} of {manifest.name} refuses it: {why}")
    kept = np.array([row for row in range(len(rows.labels)) if row not in left_out], dtype=np.int64)
    if not len(kept):
        raise DataError(f"no row of {data} can be compared; {rows.places[0]}: {left_out[0]}")
    figures, resamples, disagreements = _compare(manifests, answers, truth, kept, rows.places)
    return Comparison(
        old=manifests[0],
        new=manifests[1],
        rows=len(kept),
        left_out=tuple(LeftOut(rows.places[row], left_out[row]) for row in sorted(left_out)),
        changes=differences(manifests[0], manifests[1]),
        figures=tuple(figures),
        resamples=resamples,
        disagreements=disagreements,
        tolerance=tolerance,
    )


def _compare(
    manifests: Sequence[Manifest],
    answers: Sequence[Answers],
    truth: NDArray[np.object_],
    kept: NDArray[np.int64],
    places: Sequence[str],
) -> tuple[list[Figure], int, Disagreements]:
    scores = [{name: values[kept] for name, values in answer.scores.items()} for answer in answers]
    of_kept = [places[row] for row in kept.tolist()]
    both = list(zip(scores, manifests, strict=True))
    if manifests[0].regression is not None:
        numbers = truth[kept].astype(np.float64)
        old, new = (judge_numbers(found, numbers, manifest) for found, manifest in both)
        pair = Pair.of(old, new)
        figures = figures_of_numbers(pair)
        apart = find_disagreements(old, new, of_kept, manifests[0].regression.tolerance)
    else:
        old, new = (judge_classes(found, truth[kept], manifest) for found, manifest in both)
        pair = Pair.of(old, new)
        ordinal = {manifest.task for manifest in manifests} == {"ordinal"}
        figures = figures_of_classes(pair, levels=ordinal and manifests[0].classes == manifests[1].classes)
        apart = find_disagreements(old, new, of_kept)
    return figures, pair.resamples.counts.shape[1] - 1, apart


def _truth(rows: LabelledRows, manifests: Sequence[Manifest]) -> tuple[NDArray[np.object_], dict[int, str]]:
    """Return what was to be predicted [N], class names or numbers, and why a row has none that can be."""
    truth = np.array(rows.labels, dtype=object)
    left_out = {row: "it has no label" for row, label in enumerate(rows.labels) if label is None}
    if manifests[0].regression is not None:
        for row, label in enumerate(rows.labels):
            truth[row] = number = _number(label)
            if label is not None and not np.isfinite(number):
                left_out[row] = f"its label is {shown(label)}, which is no finite number"
        return truth, left_out
    known = sorted({name for manifest in manifests for name in manifest.classes})
    for row, label in enumerate(rows.labels):
        if label is not None and label not in known:
            left_out[row] = f"its label is {shown(label)}, which neither version has among its classes"
    return truth, left_out


def _number(label: str | None) -> float:
    try:
        return float("nan" if label is None else label)
    except ValueError:
        return float("nan")
