"""From a fitted estimator and held-out rows to a scorer."""

from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from model_export.chainzrule import tail_ratio
from model_export.errors import DataError
from model_export.graph.scorer import Scorer, walk_back
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
from model_export.training.table import read_table
from service.manifest import JacobianKind, OutOfDistribution, Reference, Thresholds

_FEWEST_PAIR_ROWS = 20
"""A class pair seen less often than this is normalised by the mean over all pairs."""


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
    """Return the scorer (float64) and reference figures of a fitted estimator, calibrated on rows it has never seen.

    One half of these rows is kept from whatever makes up the reliability, to test its levels on: see
    `model_export.reliability.thresholds`. A class may be absent from the calibration rows; whatever is said of its
    rows then rests on the others, and pairs with it take the mean norm of all.

    Args:
        estimator: fitted.
        training: the rows it was fitted on; the signature is fitted to them and the labels that the network gives them.
        held_out: calibration rows; the p-values' scale and the mean norms are theirs, the temperature, the tail's scale
            and the reliability one half's, the levels of reliability the other's.
        labels: the calibration rows' labels.
        jacobian: see `Scorer`.
        review_risk: largest share of wrong labels at or above the level `review`.
        reject_risk: the same of the level `reject`.

    Raises:
        DataError: if there are too few calibration rows, one has a label that training did not have, or the risks are
            no shares, the first below the second.
    """
    check_risks(review_risk, reject_risk)
    if not estimator.network_.hidden:
        raise DataError("a network without hidden layers has a constant Jacobian, and no signature: give hidden_widths")
    codes = class_codes(estimator, labels)
    fitting, testing = halves(len(codes))
    standardiser = deepcopy(estimator.standardiser_).double()
    network = deepcopy(estimator.network_).double()
    with torch.no_grad():
        seen = network.trace(standardiser(torch.from_numpy(read_table(training))))
        trace = network.trace(standardiser(torch.from_numpy(read_table(held_out))))
        signature = Signature.fit(seen.derivatives, seen.logits.argmax(1).numpy())
        distances = signature(trace.derivatives)
        scale = ConformalScale.fit(distances.numpy(), two_sided=False)
        tail = TailScale.fit(distances[fitting].numpy())

        largest, classes = torch.topk(trace.logits, 2, dim=1)
        label, runner_up = classes.unbind(1)
        walk = walk_back(network, trace, jacobian, label, runner_up, largest[:, 0] - largest[:, 1])

        temperature = fit_temperature(trace.logits[fitting].numpy(), codes[fitting])
        confidence = log_odds(torch.softmax(trace.logits / temperature, 1).amax(1))
        wrong = label.numpy() != codes
        correctness = Confidence.fit(confidence[fitting], ~wrong[fitting], len(estimator.classes_))
        reliability = correctness(confidence, tail(distances)).numpy()
        mean_norms = _mean_norms(walk.norm, label, runner_up, len(estimator.classes_), pairwise=jacobian == "margin")
        scorer = Scorer(standardiser, network, jacobian, temperature, mean_norms, signature, scale, tail, correctness)
    judged = [Judged(reliability[half], wrong[half]) for half in (fitting, testing)]
    review, reject = selective_levels(judged[0], judged[1], (review_risk, reject_risk))
    alarms = false_alarm_rate(scale.smallest)
    reference = Reference(
        rows=len(codes),
        jacobian_norm=walk.norm.mean().item(),
        tail_ratio=tail_ratio(walk.norm / mean_norms[label, runner_up]),
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
