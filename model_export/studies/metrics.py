"""How well a confidence ranks a model's errors, and whether a probability is one.

Throughout, `confidence` [N] is higher where the prediction is to be trusted more, and `wrong` [N] says which
predictions are errors. Ties are shared, so that a constant confidence is as good as a random one.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]


def failure_auroc(confidence: Floats, wrong: Bools) -> float:
    """Return the chance that a wrong prediction has lower confidence than a right one; NaN where all are alike."""
    errors, rights = np.count_nonzero(wrong), np.count_nonzero(~wrong)
    if not errors or not rights:
        return float("nan")
    passed = rankdata(confidence)[wrong].sum() - errors * (errors + 1) / 2
    return float(1 - passed / (errors * rights))


def risk_coverage(confidence: Floats, wrong: Bools) -> tuple[Floats, Floats]:
    """Return coverage k/N and the expected number of errors among the k most confident predictions, over N, [N + 1].

    Their quotient is the selective risk, and the second by itself the generalised risk of AUGRC.
    """
    order = np.argsort(-confidence, kind="stable")
    _, start, inverse = np.unique(-confidence[order], return_index=True, return_inverse=True)
    errors = wrong[order].astype(np.float64)
    # Within a tie errors come at the tie's mean rate, whatever the order.
    totals = np.add.reduceat(errors, start) / np.diff([*start, len(order)])
    accepted = np.concatenate([[0.0], totals[inverse].cumsum()])
    return np.arange(len(order) + 1) / len(order), accepted / len(order)


def aurc(confidence: Floats, wrong: Bools) -> float:
    """Return the area under the risk–coverage curve: the selective risk, averaged over coverages 1/N to 1."""
    coverage, errors = risk_coverage(confidence, wrong)
    return float((errors[1:] / coverage[1:]).mean())


def augrc(confidence: Floats, wrong: Bools) -> float:
    """Return the area under the generalised risk–coverage curve: the mean rate of undetected failures.

    Traub et al., "Overcoming common flaws in the evaluation of selective classification systems" (2024).
    """
    coverage, errors = risk_coverage(confidence, wrong)
    return float(np.trapezoid(errors, coverage))


def risk_at_coverage(confidence: Floats, wrong: Bools, coverage: float = 0.9) -> float:
    """Return the share of errors among the most confident `coverage` of the predictions."""
    _, errors = risk_coverage(confidence, wrong)
    accepted = max(round(coverage * len(wrong)), 1)
    return float(errors[accepted] * len(wrong) / accepted)


def fpr_at_95_tpr(confidence: Floats, wrong: Bools) -> float:
    """Return the share of errors that pass where 95 % of the right predictions do; NaN where all are alike."""
    if not wrong.any() or wrong.all():
        return float("nan")
    threshold = np.quantile(confidence[~wrong], 0.05, method="lower")
    return float((confidence[wrong] >= threshold).mean())


def expected_calibration_error(probability: Floats, correct: Bools, bins: int = 10) -> float:
    """Return the mean |accuracy − probability| over bins of equally many predictions, weighted by their share."""
    order = np.argsort(probability, kind="stable")
    gaps = (
        abs(float(correct[part].mean()) - float(probability[part].mean())) * len(part)
        for part in np.array_split(order, min(bins, len(order)))
    )
    return sum(gaps) / len(order)
