"""Does a signal add to the logit margin? Regressions of the network's own errors, with it and without."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import chi2
from sklearn.linear_model import LogisticRegression

from model_export.studies import metrics
from model_export.studies.bootstrap import holm
from model_export.studies.rows import Bools, Codes, Floats, Rows

_SMALLEST = 1e-12
"""Logarithms are taken of no less."""

ADDITIONS: dict[str, Callable[[Floats], Floats]] = {
    "jacobian_norm": lambda confidence: np.log(np.maximum(-confidence, _SMALLEST)),
    "boundary_distance": lambda confidence: confidence,
    "typicality": lambda confidence: np.log(np.maximum(confidence, _SMALLEST)),
}
"""What is added to the log-odds of the largest probability, and as which function of its confidence."""


def condition(seeds: Sequence[Rows]) -> pd.DataFrame:
    """Return, for each addition and for unshifted and shifted rows, what it adds to the margin.

    A logistic regression of `wrong` on the temperature-scaled log-odds of the largest probability, alone and with the
    addition, is fitted to each seed. On unshifted rows, one a cluster, the p-value is the likelihood-ratio test's; on
    shifted rows, where a test row comes once a shift, that of a Wald test with errors clustered by test row. The seeds'
    tests share rows and are combined by twice their median, valid under any dependence (Rüger, 1978), then corrected
    by Holm over all of one network and data set. The gain is the AUROC of the regression with the addition, fitted on
    half the test rows and judged on the other, both ways, minus that of the margin alone, likewise. Effects are on the
    log-odds of an error, by one standard deviation of the addition.
    """
    records = [
        {"rows": rows, "addition": addition} | _combine([_test(run, rows, addition) for run in seeds])
        for rows in ("unshifted", "shifted")
        for addition in ADDITIONS
    ]
    frame = pd.DataFrame(records)
    return frame.assign(p_holm=holm(frame["p"].to_numpy()))


def _combine(seeds: Sequence[dict[str, float]]) -> dict[str, float]:
    frame = pd.DataFrame(seeds)
    return {
        "effect": frame["effect"].mean(),
        "effect_least": frame["effect"].min(),
        "effect_most": frame["effect"].max(),
        "p": min(1.0, 2 * frame["p"].quantile(0.5, interpolation="higher")),
        "gain": frame["gain"].mean(),
        "gain_least": frame["gain"].min(),
        "gain_most": frame["gain"].max(),
    }


def _test(run: Rows, rows: str, addition: str) -> dict[str, float]:
    part = run.unshifted if rows == "unshifted" else run.pooled
    wrong, identity = run.wrong[part], run.identity[part]
    margin = logit(np.clip(run.confidences["msp"][part], _SMALLEST, 1 - np.finfo(float).epsneg))
    added = ADDITIONS[addition](run.confidences[addition][part].astype(np.float64))
    design = np.column_stack([np.ones(len(margin)), _standard(margin), _standard(added)])
    full = _fit(wrong, design, identity)
    if rows == "unshifted":
        p = float(chi2.sf(2 * (full.llf - _fit(wrong, design[:, :2], identity).llf), df=1))
    else:
        p = float(full.pvalues[2])
    return {"effect": float(full.params[2]), "p": p, "gain": _gain(wrong, design, identity)}


def _gain(wrong: Bools, design: Floats, identity: Codes) -> float:
    """Return the AUROC of a regression on all of `design` [N, 3] minus that on its margin alone, on other rows.

    The margin is refitted too: where it misleads, a regression that turns it round would else be the addition's merit.
    """
    known = np.unique(identity)
    first = np.isin(identity, np.random.default_rng(0).permutation(known)[: len(known) // 2])
    gains = []
    for fitted in (first, ~first):
        aurocs = [
            # A weak pull towards 0 keeps it finite where a half has few errors.
            metrics.failure_auroc(
                -LogisticRegression(C=1000.0).fit(columns[fitted], wrong[fitted]).decision_function(columns[~fitted]),
                wrong[~fitted],
            )
            for columns in (design[:, 1:], design[:, 1:2])
        ]
        gains.append(aurocs[0] - aurocs[1])
    return float(np.mean(gains))


def _fit(wrong: Bools, design: Floats, identity: Codes) -> Any:
    # By iterated least squares, which a nearly separating signal does not make singular as it does Newton's method.
    model = sm.GLM(wrong.astype(float), design, family=sm.families.Binomial())
    return model.fit(cov_type="cluster", cov_kwds={"groups": identity})


def _standard(values: NDArray[np.float64]) -> Floats:
    scaled: Floats = (values - values.mean()) / values.std()
    return scaled
