"""What a report is about: held-out rows, their truth, and what there is to be compared and shown."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from model_export.chainzrule import Network
from model_export.own_data.columns import ColumnPlan
from model_export.own_data.findings import Finding
from model_export.own_data.plan import TablePlan
from model_export.own_data.text_training import TrainedTexts
from model_export.own_data.training import TrainedTable
from model_export.report.baselines import Baseline, fit_baselines
from model_export.tasks.image_task import TrainedImageTask

MOST_ROWS = 10_000
"""Test rows that a report looks at: enough for every figure to two digits, and drawn in a moment."""

_MOST_PICTURES = 200
"""Whose pixels are the inputs that the channels are drawn over."""


class Inside(NamedTuple):
    """The network itself, whose neurons or channels are to be looked at."""

    network: Network
    rows: torch.Tensor
    """The test rows as it takes them, [n, …]"""


@dataclass(frozen=True)
class Subject:
    """What a report is about.

    Args:
        kind: of rows, in the plural.
        rows: test rows [n, …] as `Model.score` takes them; texts [n] as texts.
        truth: their class indices, or values of a regression, [n].
        places: what each is called: its row in the file counted from 1, or its place among the test pictures.
        place: what these count, in the singular.
        of: test rows that there are; n of them were drawn if these are more.
        training_truth: of the training rows; what a constant is taken from.
        split: how the rows were split, in words.
        baselines: fits the usual methods to the training rows and asks them of the test rows.
        inside: the network, and what it takes.
        columns: what each column of a table was read as.
        findings: what looks suspicious.
        notes: what else was noticed.
        left_out: what a report of a table has and this one has not, a sentence each.
    """

    kind: str
    rows: NDArray[Any]
    truth: NDArray[Any]
    places: NDArray[np.int64]
    place: str
    of: int
    training_truth: NDArray[Any]
    split: str
    baselines: Callable[[], Iterator[Baseline]]
    inside: Inside
    columns: tuple[ColumnPlan, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def of_table(trained: TrainedTable) -> Subject:
    """Return what a report on a table is about."""
    test = _some(trained.plan.parts.test, trained.seed)
    rows = trained.rows[test]
    inside = Inside(trained.network, trained.standardiser(torch.from_numpy(rows)))
    if trained.text is not None:
        # What is learned from a text's embedding is asked of its tokens.
        rows = np.append(rows[:, : -trained.text.embeddings.shape[1]], trained.text.tokens[test].astype(np.float64), 1)
    return _of_plan(trained.plan, test, "rows", rows.astype(np.float32), trained.findings, inside)


def of_texts(trained: TrainedTexts) -> Subject:
    """Return what a report on texts that are learned from alone is about."""
    plan = trained.plan
    test = _some(plan.parts.test, trained.seed)
    texts = plan.values[trained.text.name]
    inside = Inside(trained.network, trained.standardiser(torch.from_numpy(trained.text.embeddings[test])))
    left_out = (
        "What predictions lean on: the inputs of the network are dimensions of a sentence embedding, which have no "
        "meaning one by one.",
    )
    return _of_plan(plan, test, "texts", texts[test], _shared_texts(plan, texts), inside, left_out)


def of_pictures(learned: TrainedImageTask) -> Subject:
    """Return what a report on pictures is about."""
    training, test = learned.images.training, learned.images.test
    some = _some(np.arange(len(test)), learned.seed)
    drawn = some[np.linspace(0, len(some) - 1, min(len(some), _MOST_PICTURES)).round().astype(int)]
    inside = Inside(learned.trained.network, learned.trained.standardiser(torch.from_numpy(test.pixels[drawn])))
    seen = {picture.tobytes() for picture in training.pixels}
    shared = [place for place, picture in enumerate(test.pixels) if picture.tobytes() in seen]
    findings = []
    if shared:
        words = (
            f"{len(shared):,} of {len(test):,} test pictures are, pixel by pixel, among those that were learned from"
        )
        findings.append(Finding("shared", None, f"{words}: held-out figures are too good by what such pictures make"))
    return Subject(
        "pictures",
        test.pixels[some],
        test.labels[some],
        some + 1,
        "test picture",
        len(test),
        training.labels,
        "at random, by class",
        lambda: iter(()),
        inside,
        findings=tuple(findings),
        left_out=(
            "The usual methods beside it: linear models and trees on raw pixels are no fair comparison.",
            "What predictions lean on: there is one number a pixel, of each picture anew.",
            "What else looked suspicious than equal pictures: there are no columns to look at.",
        ),
    )


def _of_plan(
    plan: TablePlan,
    test: NDArray[np.int64],
    kind: str,
    rows: NDArray[Any],
    findings: tuple[Finding, ...],
    inside: Inside,
    left_out: tuple[str, ...] = (),
) -> Subject:
    return Subject(
        kind,
        rows,
        plan.target.codes[test],
        plan.rows[test],
        "row",
        len(plan.parts.test),
        plan.target.codes[plan.parts.training],
        plan.parts.how,
        lambda: fit_baselines(plan, test),
        inside,
        plan.columns,
        findings,
        plan.notes,
        left_out,
    )


def _shared_texts(plan: TablePlan, texts: NDArray[Any]) -> tuple[Finding, ...]:
    seen = set(texts[plan.parts.training].tolist())
    held_out = np.concatenate([plan.parts.calibration, plan.parts.test])
    shared = [place for place in held_out.tolist() if texts[place] in seen]
    if not shared:
        return ()
    words = f"{len(shared):,} of {len(held_out):,} held-out texts stand among the training texts too, row "
    return (
        Finding(
            "shared",
            None,
            f"{words}{plan.rows[shared[0]]} the first: held-out figures are too good by what such texts make",
        ),
    )


def _some(test: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return the test rows to be looked at, in rising order."""
    if len(test) <= MOST_ROWS:
        return test
    return np.sort(np.random.default_rng(seed).choice(test, MOST_ROWS, replace=False))
