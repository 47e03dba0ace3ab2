"""A version beside the usual methods on the same test rows, with paired bootstrap intervals."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.report.answers import Answers, Floats
from model_export.report.baselines import Baseline
from model_export.studies.bootstrap import Difference, Resamples, paired

RESAMPLES = 1000
"""Of the test rows; the same ones for every method, so that differences are paired."""


class Standing(NamedTuple):
    """How a method does on the test rows."""

    name: str
    how: str
    figures: dict[str, float]
    """By name, the first the one that methods are compared by; empty where it could not be fitted"""
    low: float = np.nan
    high: float = np.nan
    """A 95 % interval of the first figure, over draws of the test rows"""
    difference: Difference | None = None
    """The version's first figure minus this method's; None of the version itself"""
    failed: str | None = None


def compare(answers: Answers, training_truth: NDArray[Any], baselines: Iterable[Baseline]) -> tuple[Standing, ...]:
    """Return the version first, then the others, then a constant.

    Args:
        answers: to the test rows.
        training_truth: what the constant is taken from: the commonest class, or the mean.
        baselines: with their predictions of the same rows.
    """
    resamples = Resamples(np.arange(len(answers.truth)), RESAMPLES)
    labels = None if answers.manifest.regression else answers.scores["label"]
    ours = _Method("ChainzRule", "this version, as it is served", answers.predicted, labels)
    own = _resampled(ours, answers, resamples)

    def beside(method: _Method) -> Standing:
        theirs = _resampled(method, answers, resamples)
        return _standing(method, answers, theirs)._replace(difference=paired(own, theirs))

    standings = [_standing(ours, answers, own)]
    for name, how, predicted, failed in baselines:
        if predicted is None:
            standings.append(Standing(name, how, {}, failed=failed))
        else:
            likeliest = None if answers.manifest.regression else predicted.argmax(1)
            standings.append(beside(_Method(name, how, predicted, likeliest)))
    return *standings, beside(_constant(answers, training_truth))


class _Method(NamedTuple):
    name: str
    how: str
    predicted: Floats
    labels: NDArray[np.int64] | None
    """Of a regression none; not always the likeliest classes, as a median level need not be"""


def _constant(answers: Answers, training_truth: NDArray[Any]) -> _Method:
    rows = len(answers.truth)
    if answers.manifest.regression:
        return _Method("Always the mean", "of the training rows", np.full(rows, float(training_truth.mean())), None)
    classes = len(answers.manifest.classes)
    shares = np.bincount(training_truth, minlength=classes) / len(training_truth)
    labels = np.full(rows, shares.argmax())
    return _Method(
        "Always the commonest class",
        "of the training rows; its probabilities are the classes' shares of them",
        np.tile(shares, (rows, 1)),
        labels,
    )


def _resampled(method: _Method, answers: Answers, resamples: Resamples) -> Floats:
    """Return the first figure in every resample [B + 1]."""
    rows = len(answers.truth)
    if method.labels is not None:
        return 1 - resamples.error_rate(method.labels != answers.truth, np.arange(rows))
    squares = np.square(method.predicted - answers.truth)
    error: Floats = np.sqrt(squares @ resamples.counts.astype(np.float64) / rows)
    return error


def _standing(method: _Method, answers: Answers, resampled: Floats) -> Standing:
    low, high = np.quantile(resampled[1:], [0.025, 0.975]).tolist()
    return Standing(method.name, method.how, _figures(method, answers, float(resampled[0])), low, high)


def _figures(method: _Method, answers: Answers, first: float) -> dict[str, float]:
    truth, predicted = answers.truth, method.predicted
    if method.labels is None:
        errors, variance = predicted - truth, float(np.var(truth))
        r2 = 1 - float(np.mean(errors**2)) / variance if variance else np.nan
        return {"root mean squared error": first, "mean absolute error": float(np.abs(errors).mean()), "R²": r2}
    figures = {"accuracy": first}
    if answers.manifest.task == "ordinal":
        figures["levels off"] = float(np.abs(method.labels - truth).mean())
    likelihood = predicted[np.arange(len(truth)), truth]
    return figures | {"log loss": float(-np.log(np.maximum(likelihood, 1e-12)).mean())}
