"""The study: every confidence on every shift, for every kind of network and seed, as records."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import kstest
from sklearn.base import clone

from model_export.graph.calibration import calibrate
from model_export.graph.scorer import Scorer
from model_export.reliability import ConformalScale
from model_export.studies import metrics
from model_export.studies.baselines import geometry_confidences, logit_confidences, signature_confidences
from model_export.studies.rows import SOURCE, Rows, compact
from model_export.studies.shifts import Shift
from model_export.studies.study_sets import STUDIES, StudySet
from model_export.studies.subject import Subject
from model_export.training import ChainzRuleClassifier

ACTIVATIONS = ("polynomial", "relu", "gelu")
OTHER_MEMBERS = 4
"""of a five-member ensemble, the upper bound"""

SIDES = {"mahalanobis": "two", "knn": "two", "signature": "one"}
"""How the names of distances begin, and from which sides one may be strange: the signature's says it by its size."""

CLEAN = Shift("none", 0, np.empty((0, 0)), None)

BOUNDS = ("random", "oracle")
"""Judged beside the rest, and made again where they are wanted: not worth a record of every row."""

Record = dict[str, Any]
Floats = NDArray[np.float64]


class Answers(NamedTuple):
    """What a network says of some rows."""

    wrong: NDArray[np.bool_]
    """every row of no known class counts as wrong"""
    confidences: dict[str, Floats]
    tail_ratio: Floats


class Outcome(NamedTuple):
    """What a run leaves behind."""

    scores: list[Record]
    """of each confidence on each shift"""
    windows: list[Record]
    """of each shift"""
    rows: Rows


def run(name: str, seed: int, activation: str) -> Outcome:
    """Train one network and judge every confidence on every shift.

    A confidence is judged by its ranking of the network's errors on the shifted rows, and by telling shifted rows
    from clean ones; the shift "all" pools every shift whose labels are known.
    """
    study = STUDIES[name]
    data = study.load(seed)
    estimator = clone(study.estimator).set_params(activation=activation)
    subject = _train(data, estimator, seed, OTHER_MEMBERS if activation == "polynomial" else 0)
    ask = _questioner(subject, data.calibration.rows)
    where = {"set": name, "seed": seed, "activation": activation}

    clean = ask(data.test.rows, data.test.labels)
    answered = [(CLEAN, clean), *((shift, ask(shift.rows, shift.labels)) for shift in data.shifts)]
    labelled = [answers for shift, answers in answered[1:] if shift.labels is not None]
    scores, windows = [], []
    for shift, answers in [*answered, (Shift("all", 0, CLEAN.rows, None), _pooled(labelled))]:
        what = where | {"shift": shift.name, "severity": shift.severity}
        for confidence, values in answers.confidences.items():
            judged = _judge(values, answers, clean.confidences[confidence])
            scores.append(what | {"confidence": confidence} | judged)
        windows.append(what | {"calibration_rows": len(data.calibration.labels)} | _summarise(answers))
    return Outcome(scores, windows, _rows(data.identities, answered))


def _train(data: StudySet, estimator: ChainzRuleClassifier, seed: int, others: int) -> Subject:
    """Fit and calibrate a network, and `others` more on the same rows."""

    def scorer(member: int) -> Scorer:
        fitted = clone(estimator).set_params(random_state=seed + 1000 * member).fit(*data.training)
        return calibrate(fitted, data.training.rows, *data.calibration).scorer

    return Subject(scorer(0), *data.training, tuple(scorer(member + 1) for member in range(others)))


def _questioner(subject: Subject, held_out: Floats) -> Callable[[Floats, NDArray[np.int64] | None], Answers]:
    """Return a function that answers raw rows with their labels; what a confidence must fit is fitted here, once.

    Distances are given as they are, and as p-values among calibration rows, as typicality is one: a comparison with
    typicality must be one of what the distance is taken on.
    """
    functions = logit_confidences(subject) | geometry_confidences(subject) | signature_confidences(subject)
    calibration = subject.view(held_out)
    scales = {
        f"{name}, {sides}-sided": (name, ConformalScale.fit(-function(calibration).numpy(), two_sided=sides == "two"))
        for kind, sides in SIDES.items()
        for name, function in functions.items()
        if name.startswith(kind)
    }

    def ask(rows: Floats, labels: NDArray[np.int64] | None) -> Answers:
        view = subject.view(rows)
        scores = view.scores
        label = scores.label.numpy()
        confidences = {name: function(view).numpy() for name, function in functions.items()}
        confidences |= {
            scaled: scale(torch.from_numpy(-confidences[name])).numpy() for scaled, (name, scale) in scales.items()
        }
        confidences |= {
            "reliability": scores.reliability.numpy(),
            "typicality": scores.typicality.numpy(),
            "boundary_distance": scores.boundary_distance.numpy(),
            "jacobian_norm": -scores.jacobian_norm.numpy(),
            "random": np.random.default_rng(0).random(len(rows)),
        }
        if subject.members:
            confidences["ensemble"] = subject.ensemble(rows).numpy()[np.arange(len(label)), label]
        wrong = np.ones(len(label), dtype=np.bool_) if labels is None else label != labels
        confidences["oracle"] = 1.0 - wrong
        return Answers(wrong, confidences, scores.tail_ratio.numpy())

    return ask


def _pooled(parts: list[Answers]) -> Answers:
    names = parts[0].confidences
    return Answers(
        np.concatenate([part.wrong for part in parts]),
        {name: np.concatenate([part.confidences[name] for part in parts]) for name in names},
        np.concatenate([part.tail_ratio for part in parts]),
    )


def _rows(identities: NDArray[np.int64], answered: Sequence[tuple[Shift, Answers]]) -> Rows:
    """Return the answers to the unshifted rows, which come first, and to every shift, row by row."""
    pooled = _pooled([answers for _, answers in answered])
    sizes = [len(answers.wrong) for _, answers in answered]
    own = [
        number * SOURCE + np.arange(size) if shift.own_rows else identities
        for number, ((shift, _), size) in enumerate(zip(answered, sizes, strict=True))
    ]
    return Rows(
        identity=np.concatenate(own),
        shift=np.repeat(np.arange(len(answered)), sizes),
        names=np.array([shift.name for shift, _ in answered]),
        severity=np.array([shift.severity for shift, _ in answered]),
        labelled=np.array([shift is CLEAN or shift.labels is not None for shift, _ in answered]),
        wrong=pooled.wrong,
        confidences={name: compact(name, part) for name, part in pooled.confidences.items() if name not in BOUNDS},
    )


def _judge(values: Floats, answers: Answers, clean: Floats) -> Record:
    shifted = np.repeat([False, True], [len(clean), len(values)])
    return {
        "auroc": metrics.failure_auroc(values, answers.wrong),
        "aurc": metrics.aurc(values, answers.wrong),
        "augrc": metrics.augrc(values, answers.wrong),
        "fpr95": metrics.fpr_at_95_tpr(values, answers.wrong),
        "risk90": metrics.risk_at_coverage(values, answers.wrong),
        "detection": metrics.failure_auroc(np.concatenate([clean, values]), shifted),
    }


def _summarise(answers: Answers) -> Record:
    """Return what a dashboard could know of these rows, beside the error rate that it cannot."""
    reliability, typicality = answers.confidences["reliability"], answers.confidences["typicality"]
    return {
        "rows": len(answers.wrong),
        "error_rate": answers.wrong.mean(),
        "expected_error_rate": 1 - reliability.mean(),
        "msp_error_rate": 1 - answers.confidences["msp"].mean(),
        "tail_ratio": np.quantile(answers.tail_ratio, 0.99) / answers.tail_ratio.mean(),
        "typicality_ks": kstest(typicality, "uniform").statistic,
        "typicality_below_0_01": (typicality < 0.01).mean(),
        "typicality_below_0_05": (typicality < 0.05).mean(),
        "ece": metrics.expected_calibration_error(reliability, ~answers.wrong),
    }
