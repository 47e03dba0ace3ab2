"""From a trained network and held-out rows to a scorer."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from model_export.chainzrule import CumulativeHead, Network, Trace, tail_ratio
from model_export.errors import DataError
from model_export.graph.decision import decide, walk_back
from model_export.graph.folding import folded
from model_export.graph.scorer import Scorer, raised
from model_export.reliability import Confidence, ConformalScale, Signature, TailScale, fit_temperature
from model_export.reliability.confidence import log_odds
from model_export.reliability.conformal import false_alarm_rate
from model_export.reliability.thresholds import (
    REJECT_RISK,
    REVIEW_RISK,
    Judged,
    check_risks,
    halves,
    selective_levels,
)
from model_export.training import ChainzRuleClassifier
from model_export.training.standardiser import InputStandardiser
from model_export.training.table import read_table
from service.manifest import JacobianKind, OutOfDistribution, Reference, Thresholds

_FEWEST_PAIR_ROWS = 20
"""A class pair seen less often than this is normalised by the mean over all pairs."""

_ROWS_AT_A_TIME = 512
"""Rows surveyed together: images take much memory in float64."""


class Calibration(NamedTuple):
    """A scorer, and the figures its signals are measured against."""

    scorer: Scorer
    reference: Reference


def calibrate(
    estimator: ChainzRuleClassifier,
    training: Any,
    held_out: Any,
    labels: ArrayLike,
    jacobian: JacobianKind = "margin",
    review_risk: float = REVIEW_RISK,
    reject_risk: float = REJECT_RISK,
) -> Calibration:
    """Return the scorer (float64) and reference figures of a fitted estimator, see `calibrate_network`.

    Args:
        estimator: fitted.
        training: the rows it was fitted on.
        held_out: calibration rows.
        labels: the calibration rows' labels.
        jacobian: see `Scorer`.
        review_risk: largest share of wrong labels at or above the level `review`.
        reject_risk: the same of the level `reject`.

    Raises:
        DataError: as `calibrate_network` does, or if a label is one that training did not have.
    """
    return calibrate_network(
        estimator.standardiser_,
        estimator.network_,
        read_table(training),
        read_table(held_out),
        class_codes(estimator, labels),
        len(estimator.classes_),
        jacobian,
        review_risk,
        reject_risk,
    )


def calibrate_network(
    standardiser: InputStandardiser,
    network: Network,
    training: NDArray[Any],
    held_out: NDArray[Any],
    codes: NDArray[np.int64],
    classes: int,
    jacobian: JacobianKind = "margin",
    review_risk: float = REVIEW_RISK,
    reject_risk: float = REJECT_RISK,
) -> Calibration:
    """Return the scorer (float64) and reference figures of a network, calibrated on rows it has never seen.

    One half of these rows is kept from whatever makes up the reliability, to test its levels on: see
    `model_export.reliability.thresholds`. A class may be absent from the calibration rows; whatever is said of its
    rows then rests on the others, and pairs with it take the mean norm of all.

    Args:
        standardiser: of raw rows.
        network: trained; its normalisation is folded into its weights first.
        training: raw training rows [N, …], or some of them; the signature is fitted to them and the labels that the
            network gives them.
        held_out: raw calibration rows; the p-values' scale and the mean norms are theirs, the temperature, the tail's
            scale and the reliability one half's, the levels of reliability the other's.
        codes: the calibration rows' classes, as indices.
        classes: K.
        jacobian: see `Scorer`.
        review_risk: largest share of wrong labels at or above the level `review`.
        reject_risk: the same of the level `reject`.

    Raises:
        DataError: if there are too few calibration rows, the network has no signature, or the risks are no shares, the
            first below the second.
    """
    check_risks(review_risk, reject_risk)
    fitting, testing = halves(len(codes))
    standardiser, network = deepcopy(standardiser).double(), folded(network)
    one = network.trace(standardiser(torch.from_numpy(training[:1])))
    if not network.derivatives(one.records):
        raise DataError("a network without hidden layers has a constant Jacobian, and no signature: give hidden_widths")
    with torch.no_grad():
        seen = _survey(standardiser, network, training)
        found = _survey(standardiser, network, held_out)
        norm = _norms(standardiser, network, jacobian, held_out)
        signature = Signature.fit(seen.fingerprint, seen.label.numpy())
        distances = signature(found.fingerprint)
        tail = TailScale.fit(distances[fitting].numpy())
        # Beyond every other row; held-out rows with an unseen category too, so that their rate stays no false alarm.
        unseen = 2 * torch.maximum(signature(seen.fingerprint).max(), distances.max())
        distances = raised(distances, standardiser.unseen(torch.from_numpy(held_out)), unseen)
        scale = ConformalScale.fit(distances.numpy(), two_sided=False)

        label, runner_up = found.label, found.runner_up
        ordinal = isinstance(network.head, CumulativeHead)
        temperature = fit_temperature(found.logits[fitting].numpy(), codes[fitting], ordinal=ordinal)
        confidence = log_odds(decide(network, found.logits, temperature).certainty)
        wrong = label.numpy() != codes
        correctness = Confidence.fit(confidence[fitting], ~wrong[fitting], 1 / classes)
        reliability = correctness(confidence, tail(distances)).numpy()
        pairwise = jacobian == "margin" and not ordinal
        mean_norms = _mean_norms(norm, label, runner_up, classes, pairwise=pairwise)
        scorer = Scorer(
            standardiser,
            network,
            jacobian,
            temperature,
            mean_norms,
            signature,
            scale,
            tail,
            correctness,
            unseen.item(),
        )
    judged = [Judged(reliability[half], wrong[half]) for half in (fitting, testing)]
    review, reject = selective_levels(judged[0], judged[1], (review_risk, reject_risk))
    alarms = false_alarm_rate(scale.smallest)
    reference = Reference(
        rows=len(codes),
        jacobian_norm=norm.mean().item(),
        tail_ratio=tail_ratio(norm / mean_norms[label, runner_up]),
        temperature=temperature,
        smallest_typicality=scale.smallest,
        reliability_weights=correctness.weights,
        thresholds=Thresholds(
            review=review,
            reject=reject,
            out_of_distribution=OutOfDistribution(typicality=alarms, false_alarm_rate=alarms),
        ),
    )
    return Calibration(scorer, reference)


class _Survey(NamedTuple):
    """What calibration needs of a network's view of rows."""

    logits: Tensor
    label: Tensor
    runner_up: Tensor
    fingerprint: tuple[Tensor, Tensor]


def _survey(standardiser: InputStandardiser, network: Network, rows: NDArray[Any]) -> _Survey:
    """Return the network's view of raw rows."""
    parts = []
    for trace in _traces(standardiser, network, rows):
        decision = decide(network, trace.logits, 1.0)
        parts.append((trace.logits, decision.label, decision.runner_up, *network.fingerprint(trace.records)))
    logits, label, runner_up, first, last = (torch.cat(values) for values in zip(*parts, strict=True))
    return _Survey(logits, label, runner_up, (first, last))


def _norms(standardiser: InputStandardiser, network: Network, jacobian: JacobianKind, rows: NDArray[Any]) -> Tensor:
    """Return ‖J‖ of raw rows [N]."""
    return torch.cat(
        [
            walk_back(network, trace, jacobian, decide(network, trace.logits, 1.0)).norm
            for trace in _traces(standardiser, network, rows)
        ]
    )


def _traces(standardiser: InputStandardiser, network: Network, rows: NDArray[Any]) -> Iterator[Trace]:
    """Yield the network's traces of raw rows, of which it sees a few at a time."""
    for start in range(0, len(rows), _ROWS_AT_A_TIME):
        yield network.trace(standardiser(torch.from_numpy(rows[start : start + _ROWS_AT_A_TIME])))


def class_codes(estimator: ChainzRuleClassifier, labels: ArrayLike) -> NDArray[np.int64]:
    """Return the index of each label [N] among the estimator's classes.

    Raises:
        DataError: if a label is none of them.
    """
    values = np.asarray(labels)
    unknown = set(np.unique(values)) - set(estimator.classes_)
    if unknown:
        raise DataError(f"held-out rows have labels that training did not have: {', '.join(map(str, sorted(unknown)))}")
    return np.searchsorted(estimator.classes_, values).astype(np.int64)


def _mean_norms(norm: Tensor, label: Tensor, runner_up: Tensor, classes: int, *, pairwise: bool) -> Tensor:
    """Return the mean norm [K, K] for each unordered pair of label and runner-up."""
    means = norm.mean().expand(classes, classes).clone()
    if pairwise:
        pair = torch.minimum(label, runner_up) * classes + torch.maximum(label, runner_up)
        counts, sums = (torch.bincount(pair, weights, classes * classes) for weights in (None, norm))
        seen = torch.nonzero(counts >= _FEWEST_PAIR_ROWS)[:, 0]
        low, high = seen // classes, seen % classes
        means[low, high] = means[high, low] = sums[seen] / counts[seen]
    return means
