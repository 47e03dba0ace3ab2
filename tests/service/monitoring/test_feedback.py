"""The window of answers, without HTTP."""

import asyncio
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from service.errors import (
    FeedbackDuplicateError,
    FeedbackExpiredError,
    FeedbackLabelError,
    FeedbackRowError,
    FeedbackUnknownError,
)
from service.inference.model import Model, Scores
from service.inference.repository import Repository
from service.monitoring.feedback import Feedback
from service.monitoring.metrics import Metrics
from service.monitoring.true_label import TrueLabel
from tests.conftest import Exported

CLASSES = ("high", "low", "medium")


@pytest.fixture
def metrics(exported: Exported) -> Metrics:
    metrics = Metrics()
    repository = Repository(exported.repository, partial(Model.load, threads=1))
    repository.refresh()
    metrics.declare_models(repository)
    return metrics


@pytest.fixture
def answer(exported: Exported) -> Callable[[Feedback, int], str]:
    manifest = Model.load(exported.folder, threads=1).manifest

    def answer(feedback: Feedback, rows: int) -> str:
        scores: Scores = {"label": np.arange(rows) % 3, "reliability": np.full(rows, 0.9, np.float32)}
        name = feedback.name(feedback.remember(manifest, scores, [0]))
        assert name is not None
        return name

    return answer


def judge(feedback: Feedback, *told: TrueLabel, model: str = "plant", version: str | None = None) -> list[type | None]:
    verdicts = asyncio.run(feedback.judge(model, version, told))
    return [None if verdict is None else type(verdict) for verdict in verdicts]


def counted(metrics: Metrics, name: str, **labels: str) -> float:
    value = metrics.registry.get_sample_value(f"chainzrule_feedback_{name}_total", {"model": "plant", **labels})
    assert value is not None
    return value


def test_each_row_counts_once_by_whether_it_was_right(metrics: Metrics, answer: Callable[[Feedback, int], str]) -> None:
    feedback = Feedback(10, metrics)
    name = answer(feedback, 4)
    told = [TrueLabel(name, CLASSES[row % 3], row) for row in range(3)] + [TrueLabel(name, "low", 3)]
    assert judge(feedback, *told) == [None] * 4
    assert judge(feedback, *told, TrueLabel(name, "low")) == [FeedbackDuplicateError] * 5
    band = {"version": "1", "band": "0.9-1.0"}
    assert counted(metrics, "rows", outcome="confirmed", **band) == 3
    assert counted(metrics, "rows", outcome="wrong", **band) == 1
    assert counted(metrics, "expected_errors", **band) == pytest.approx(0.4)


def test_what_is_wrong_is_said_of_each(metrics: Metrics, answer: Callable[[Feedback, int], str]) -> None:
    feedback, other = Feedback(10, metrics), Feedback(10, metrics)
    name, foreign = answer(feedback, 2), answer(other, 2)
    assert judge(
        feedback,
        TrueLabel(name, "low", 2),
        TrueLabel(name, "low", 2**70),
        TrueLabel(name, "green"),
        TrueLabel(foreign, "low"),
        TrueLabel("", "low"),
        TrueLabel(name.upper(), "low"),
        TrueLabel(name, "low", 1),
    ) == [
        FeedbackRowError,
        FeedbackRowError,
        FeedbackLabelError,
        FeedbackUnknownError,
        FeedbackUnknownError,
        FeedbackUnknownError,
        None,
    ]
    assert judge(feedback, TrueLabel(name, "low"), model="mill") == [FeedbackUnknownError]
    assert judge(feedback, TrueLabel(name, "low"), version="2") == [FeedbackUnknownError]
    assert judge(feedback, TrueLabel(name, "low"), version="1") == [None]


def test_an_id_cannot_be_made_up_from_another(metrics: Metrics, answer: Callable[[Feedback, int], str]) -> None:
    feedback = Feedback(10, metrics)
    process, first, signature = answer(feedback, 2).split("-")
    assert (process, first) == (feedback.process, "0")
    answer(feedback, 2)
    for guess in (f"{process}-2-{signature}", f"{process}-1-{signature}", f"{process}-{first}-00000000"):
        assert judge(feedback, TrueLabel(guess, "low")) == [FeedbackUnknownError]


def test_what_is_forgotten_has_expired(metrics: Metrics, answer: Callable[[Feedback, int], str]) -> None:
    feedback = Feedback(10, metrics)
    first, second = answer(feedback, 4), answer(feedback, 4)
    third = answer(feedback, 4)  # takes the places of the first two rows
    assert judge(feedback, *(TrueLabel(first, "low", row) for row in range(4))) == [
        FeedbackExpiredError,
        FeedbackExpiredError,
        None,
        None,
    ]
    assert judge(feedback, *(TrueLabel(name, "low", 3) for name in (second, third))) == [None, None]
    whole = answer(feedback, 25)
    assert judge(feedback, *(TrueLabel(whole, "low", row) for row in (0, 14, 15, 24, 25))) == [
        FeedbackExpiredError,
        FeedbackExpiredError,
        None,
        None,
        FeedbackRowError,
    ]
    assert judge(feedback, TrueLabel(third, "low")) == [FeedbackExpiredError]


def test_a_version_that_has_gone_takes_no_feedback(
    metrics: Metrics, answer: Callable[[Feedback, int], str], exported: Exported
) -> None:
    feedback = Feedback(10, metrics)
    name = answer(feedback, 1)
    metrics.declare_models(Repository(exported.folder, partial(Model.load, threads=1)))
    assert judge(feedback, TrueLabel(name, "low")) == [FeedbackExpiredError]


def test_without_rows_nothing_is_remembered(metrics: Metrics, exported: Exported) -> None:
    feedback = Feedback(0, metrics)
    scores: Scores = {"label": np.zeros(1, np.int64), "reliability": np.ones(1, np.float32)}
    assert feedback.name(feedback.remember(Model.load(exported.folder, threads=1).manifest, scores, [0])) is None
    assert not feedback.taken
