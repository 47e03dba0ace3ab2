"""How a regression's graph does on rows that no choice was made by."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from model_export.chainzrule import tail_ratio
from model_export.graph.regression.calibration import Measured
from model_export.graph.regression.scorer import RegressionScores
from model_export.reliability.difficulty import conformal_quantile
from service.manifest import Evaluation
from service.regression import Regression, RegressionEvaluation


def interval_score(
    truth: NDArray[np.float64], lower: NDArray[Any], upper: NDArray[Any], coverage: float
) -> NDArray[np.float64]:
    """Return the interval score [N] of intervals for truths [N]: the width, and a penalty for what lies outside.

    Winkler, "A decision-theoretic approach to interval estimation" (1972); Gneiting and Raftery, "Strictly proper
    scoring rules, prediction, and estimation" (2007), section 6.2, with α = 1 − coverage. Smaller is better.
    """
    lower, upper = lower.astype(np.float64), upper.astype(np.float64)
    outside = np.maximum(lower - truth, 0) + np.maximum(truth - upper, 0)
    score: NDArray[np.float64] = upper - lower + 2 / (1 - coverage) * outside
    return score


def evaluate_regression(
    scores: RegressionScores[NDArray[Any]],
    test: Measured,
    calibration: tuple[RegressionScores[NDArray[Any]], Measured],
    regression: Regression,
) -> Evaluation:
    """Return the figures of a graph's answers to test rows.

    Args:
        scores: the answers.
        test: the rows.
        calibration: answers and rows that intervals of one width are made from, to compare with.
        regression: what was promised.
    """
    truth, value = test.targets, scores.value.astype(np.float64)
    errors = np.abs(truth - value)
    wrong = errors > regression.tolerance
    reliability = scores.reliability.astype(np.float64)
    likelihood = np.maximum(np.where(wrong, 1 - reliability, reliability), 1e-12)
    variance = float(truth.var())
    held_out = np.abs(calibration[1].targets - calibration[0].value)
    constant = conformal_quantile(held_out, regression.coverage)
    both = wrong.any() and not wrong.all()
    return Evaluation(
        rows=len(truth),
        accuracy=1 - wrong.mean(),
        majority_accuracy=(np.abs(truth - regression.mean) <= regression.tolerance).mean(),
        log_loss=-np.log(likelihood).mean(),
        mean_absolute_error=None,
        mean_reliability=reliability.mean(),
        error_auroc=roc_auc_score(wrong, -reliability) if both else None,
        typicality_below_0_05=(scores.typicality < 0.05).mean(),
        tail_ratio=tail_ratio(torch.from_numpy(scores.tail_ratio)),
        regression=RegressionEvaluation(
            root_mean_squared_error=np.sqrt(np.mean(errors**2)),
            mean_absolute_error=errors.mean(),
            r2=1 - np.mean(errors**2) / variance if variance else None,
            coverage=((scores.lower <= truth) & (truth <= scores.upper)).mean(),
            mean_width=(scores.upper - scores.lower).mean(),
            interval_score=interval_score(truth, scores.lower, scores.upper, regression.coverage).mean(),
            constant_interval_score=interval_score(
                truth, value - constant, value + constant, regression.coverage
            ).mean(),
        ),
    )
