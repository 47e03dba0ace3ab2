"""All that a report shows, measured once."""

from typing import NamedTuple

from model_export.report.answers import Answers, ask
from model_export.report.comparison import Standing, compare
from model_export.report.mistakes import Confusion, Surprise, confusion, surprises
from model_export.report.polynomials import LayerCurves, layer_curves
from model_export.report.signals import (
    Calibration,
    Leaning,
    Promise,
    Selection,
    Usualness,
    calibrations,
    leanings,
    promises,
    selections,
    tau,
    usualness,
)
from model_export.report.subject import Subject
from service.inference.model import Model


class Measurements(NamedTuple):
    """All that a report shows."""

    subject: Subject
    answers: Answers
    standings: tuple[Standing, ...]
    calibrations: tuple[Calibration, ...]
    selections: tuple[Selection, ...]
    promises: tuple[Promise, ...]
    usual: Usualness
    tau: float
    leanings: tuple[Leaning, ...]
    layers: tuple[LayerCurves, ...]
    confusion: Confusion | None
    """None of a regression"""
    surprises: list[Surprise]


def measure(model: Model, subject: Subject) -> Measurements:
    """Return all that a report shows of a loaded version.

    Args:
        model: the version, as the service loads it.
        subject: its test rows and what they are compared with.

    Raises:
        NonFiniteOutputError: if an answer is not finite.
    """
    answers = ask(model, subject)
    return Measurements(
        subject,
        answers,
        compare(answers, subject.training_truth, subject.baselines()),
        tuple(calibrations(answers)),
        tuple(selections(answers)),
        tuple(promises(answers)),
        usualness(answers),
        tau(answers),
        leanings(answers),
        tuple(layer_curves(subject.inside)),
        None if answers.manifest.regression else confusion(answers),
        surprises(answers, subject),
    )
