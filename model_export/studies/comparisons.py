"""The score against every single baseline, and typicality against the same distance elsewhere, with their errors."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from model_export.studies.bootstrap import Difference, Resamples, augrc, holm, paired
from model_export.studies.rows import Bools, Floats, Rows

NO_BASELINES = ("reliability", "ensemble", "signature")
"""How the names begin of what the score is not compared with as a single baseline."""

SAME_DISTANCE = tuple(f"signature_{place}, one-sided" for place in ("preactivations", "activations", "inputs"))
"""Typicality's distance and p-value, taken on something else than the derivatives."""

FAMILY = ["set", "activation", "question", "metric"]
"""Holm's correction is over the baselines within each of these."""


def compare(seeds: Sequence[Rows]) -> pd.DataFrame:
    """Return the paired comparisons of one kind of network on one data set; `seeds` holds one run each.

    Every statistic is the mean over seeds. Questions: "errors", ranking the network's own errors on unshifted test
    rows, and "shifted", the same on all labelled shifts pooled, `reliability` against each single baseline;
    "noticing", telling shifted rows from unshifted, mean over shifts of at least moderate severity, `typicality`
    against `SAME_DISTANCE`.
    """
    resamples = Resamples(np.concatenate([rows.identity for rows in seeds]))
    frame = pd.DataFrame(
        [
            *_ranking("errors", resamples, seeds, [rows.unshifted for rows in seeds]),
            *_ranking("shifted", resamples, seeds, [rows.pooled for rows in seeds]),
            *_noticing(resamples, seeds),
        ]
    )
    return frame.assign(p_holm=frame.groupby(["question", "metric"])["p"].transform(lambda p: holm(p.to_numpy())))


def _ranking(
    question: str, resamples: Resamples, seeds: Sequence[Rows], chosen: Sequence[Bools]
) -> Iterator[dict[str, Any]]:
    parts = list(zip(seeds, chosen, strict=True))
    error_rates = [resamples.error_rate(rows.wrong[part], rows.identity[part]) for rows, part in parts]

    def measure(name: str) -> dict[str, Floats]:
        aurocs = [
            resamples.auroc(rows.confidences[name][part], rows.wrong[part], rows.identity[part]) for rows, part in parts
        ]
        augrcs = [augrc(*both) for both in zip(aurocs, error_rates, strict=True)]
        return {"auroc": np.mean(aurocs, axis=0), "augrc": np.mean(augrcs, axis=0)}

    ours = measure("reliability")
    for baseline in seeds[0].confidences:
        if not baseline.startswith(NO_BASELINES):
            for metric, theirs in measure(baseline).items():
                yield _record(question, metric, "reliability", baseline, ours[metric], theirs)


def _noticing(resamples: Resamples, seeds: Sequence[Rows]) -> Iterator[dict[str, Any]]:
    def measure(name: str) -> Floats:
        aurocs = [_detection(resamples, rows, name, shift) for rows in seeds for shift in rows.noticeable.tolist()]
        mean: Floats = np.mean(aurocs, axis=0)
        return mean

    ours = measure("typicality")
    for baseline in SAME_DISTANCE:
        yield _record("noticing", "auroc", "typicality", baseline, ours, measure(baseline))


def _detection(resamples: Resamples, rows: Rows, name: str, shift: int) -> Floats:
    part = (rows.shift == 0) | (rows.shift == shift)
    return resamples.auroc(rows.confidences[name][part], rows.shift[part] > 0, rows.identity[part])


def _record(question: str, metric: str, signal: str, baseline: str, ours: Floats, theirs: Floats) -> dict[str, Any]:
    compared: Difference = paired(ours, theirs)
    where = {"question": question, "metric": metric, "signal": signal, "baseline": baseline}
    return where | {"ours": ours[0], "theirs": theirs[0]} | compared._asdict()
