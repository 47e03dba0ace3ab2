"""From a trained network of one output and held-out rows to a scorer."""

from collections.abc import Iterator
from copy import deepcopy
from math import log
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_export.chainzrule import Network, tail_ratio
from model_export.errors import DataError
from model_export.graph.folding import folded
from model_export.graph.regression.scorer import RegressionScorer, gradient
from model_export.graph.scorer import raised
from model_export.reliability import Confidence, ConformalScale, Difficulty, Signature, TailScale
from model_export.reliability.conformal import false_alarm_rate
from model_export.reliability.difficulty import conformal_quantile
from model_export.reliability.thresholds import Judged, check_risks, halves, selective_levels
from model_export.training.standardiser import InputStandardiser
from service.manifest import OutOfDistribution, Reference, Thresholds
from service.regression import Regression

COVERAGE = 0.9
"""Of intervals, unless a model sets its own."""

TOLERANCE = 0.5
"""In standard deviations of the training target, unless a model sets its own: a constant is so near in two rows of
five where the target is normal."""

_PARTS = 5
"""Fifths of the training rows by their value stand in for classes in the signature."""

_ROWS_AT_A_TIME = 512


class Measured(NamedTuple):
    """Raw rows, as clients will send them, with their targets."""

    rows: NDArray[Any]
    """tables float [N, features], NaN where a value is missing; images uint8 [N, height, width, channels]"""
    targets: NDArray[np.float64]
    """[N], in the target's unit"""


class Target(NamedTuple):
    """What a person says of the number to be predicted.

    Args:
        name: what it is called.
        unit: None where it has none.
        coverage: that its intervals are to have.
        tolerance: a value counts as right if it is off by at most this; half the training targets' standard deviation
            unless given.
    """

    name: str
    unit: str | None = None
    coverage: float = COVERAGE
    tolerance: float | None = None


class RegressionCalibration(NamedTuple):
    """A scorer, the figures its signals are measured against, and what its intervals promise."""

    scorer: RegressionScorer
    reference: Reference
    regression: Regression


def calibrate_regression(
    standardiser: InputStandardiser,
    network: Network,
    training: Measured,
    held_out: Measured,
    target: Target,
    risks: tuple[float, float],
) -> RegressionCalibration:
    """Return the scorer (float64) and figures of a network, calibrated on rows it has never seen.

    The intervals' quantile, the p-values' scale and the mean norm are of all these rows. A value that is off by more
    than the tolerance counts as wrong: the reliability is fitted to one half, its levels are tested on the other, as
    those of classes are.

    Args:
        standardiser: of raw rows.
        network: trained, of one output, the target in its own unit; its normalisation is folded into its weights.
        training: training rows, or some of them; signature and difficulty are fitted to them.
        held_out: calibration rows.
        target: what is predicted.
        risks: largest shares of wrong values at or above the levels `review` and `reject`.

    Raises:
        DataError: if there are too few calibration rows, the network has no signature, or the target's numbers or the
            risks make no sense.
    """
    check_risks(*risks)
    spread = float(training.targets.std())
    tolerance = TOLERANCE * spread if target.tolerance is None else target.tolerance
    _check(network, target, spread, tolerance)
    fitting, testing = halves(len(held_out.targets))
    standardiser, network = deepcopy(standardiser).double(), folded(network)
    with torch.no_grad():
        seen = _survey(standardiser, network, training.rows)
        found = _survey(standardiser, network, held_out.rows)
        values = seen.value.numpy()
        signature = Signature.fit(seen.fingerprint, _part(values))
        distances = signature(found.fingerprint)
        tail = TailScale.fit(distances[fitting].numpy())
        # As `calibrate_network` has it.
        unseen = 2 * torch.maximum(signature(seen.fingerprint).max(), distances.max())
        distances = raised(distances, standardiser.unseen(torch.from_numpy(held_out.rows)), unseen)
        scale = ConformalScale.fit(distances.numpy(), two_sided=False)
        # A network that errs nowhere would have intervals of no width, and scales of 0.
        smallest = np.finfo(np.float32).eps * spread
        difficulty = Difficulty.fit(
            seen.fingerprint[1].numpy(), np.maximum(np.abs(training.targets - values), smallest)
        )
        errors = np.abs(held_out.targets - found.value.numpy())
        scores = np.maximum(errors, smallest) / difficulty(found.fingerprint[1]).numpy()
        quantile = conformal_quantile(scores, target.coverage)
        ease = log(tolerance) - difficulty.log(found.fingerprint[1])
        wrong = errors > tolerance
        chance = float((np.abs(training.targets - training.targets.mean()) <= tolerance).mean())
        nearness = Confidence.fit(ease[fitting], ~wrong[fitting], chance)
        reliability = nearness(ease, tail(distances)).numpy()
    mean_norm = found.norm.mean().item()
    scorer = RegressionScorer(
        standardiser,
        network,
        mean_norm,
        signature,
        scale,
        tail,
        difficulty,
        quantile,
        tolerance,
        nearness,
        unseen.item(),
    )
    judged = [Judged(reliability[half], wrong[half]) for half in (fitting, testing)]
    review, reject = selective_levels(judged[0], judged[1], risks)
    alarms = false_alarm_rate(scale.smallest)
    least, greatest = np.exp(difficulty.bounds).tolist()
    return RegressionCalibration(
        scorer,
        Reference(
            rows=len(errors),
            jacobian_norm=mean_norm,
            tail_ratio=tail_ratio(found.norm),
            temperature=1.0,
            smallest_typicality=scale.smallest,
            reliability_weights=nearness.weights,
            thresholds=Thresholds(
                review=review,
                reject=reject,
                out_of_distribution=OutOfDistribution(typicality=alarms, false_alarm_rate=alarms),
            ),
        ),
        Regression(
            target=target.name,
            unit=target.unit,
            minimum=training.targets.min(),
            maximum=training.targets.max(),
            mean=training.targets.mean(),
            standard_deviation=spread,
            tolerance=tolerance,
            coverage=target.coverage,
            quantile=quantile,
            least_difficulty=least,
            greatest_difficulty=greatest,
        ),
    )


def _check(network: Network, target: Target, spread: float, tolerance: float) -> None:
    if not 0 < target.coverage < 1:
        raise DataError(f"the coverage is {target.coverage}: give a share between 0 and 1, 0.9 for instance")
    if spread == 0:
        raise DataError(f"every training row has the same {target.name}: there is nothing to predict")
    if not tolerance > 0:
        raise DataError(f"the tolerance is {tolerance}: give an error, in the target's unit, above 0")
    if not network.layers:
        raise DataError("a network without hidden layers has a constant Jacobian, and no signature: give hidden_widths")


class _Survey(NamedTuple):
    """What calibration needs of a network's view of rows."""

    value: Tensor
    norm: Tensor
    fingerprint: tuple[Tensor, Tensor]


def _survey(standardiser: InputStandardiser, network: Network, rows: NDArray[Any]) -> _Survey:
    value, norm, first, last = (torch.cat(parts) for parts in zip(*_views(standardiser, network, rows), strict=True))
    return _Survey(value, norm, (first, last))


def _views(standardiser: InputStandardiser, network: Network, rows: NDArray[Any]) -> Iterator[tuple[Tensor, ...]]:
    """Yield value, ‖∇f‖ and fingerprint of raw rows, of which the network sees a few at a time."""
    for start in range(0, len(rows), _ROWS_AT_A_TIME):
        trace = network.trace(standardiser(torch.from_numpy(rows[start : start + _ROWS_AT_A_TIME])))
        norm = torch.linalg.vector_norm(gradient(network, trace).flatten(1), dim=1)
        yield (trace.logits[:, 0], norm, *network.fingerprint(trace.records))


def _part(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return which fifth of the rows each belongs to, by its value."""
    return np.digitize(values, np.quantile(values, np.arange(1, _PARTS) / _PARTS)).astype(np.int64)
