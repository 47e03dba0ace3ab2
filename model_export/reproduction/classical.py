"""The methods that tables are usually given to, each with as many candidate settings as a network has."""

import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from itertools import product
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from model_export.reproduction.kan import KanClassifier

Candidates = tuple[Callable[[], Any], ...]
"""Makers of unfitted scikit-learn classifiers; the first one is what the method is with usual settings."""


def _standardised(estimator: Any) -> Any:
    return make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler(), estimator)


def _logistic_regression() -> Candidates:
    return tuple(
        lambda c=c: _standardised(LogisticRegression(C=c, max_iter=1000)) for c in (1.0, 1e-3, 1e-2, 1e-1, 1e1, 1e2)
    )


def _support_vectors() -> Candidates:
    # Distances become probabilities by Platt's regression, so that all methods are chosen by the same loss.
    return tuple(
        lambda c=c, gamma=gamma: _standardised(
            CalibratedClassifierCV(SVC(C=c, gamma=gamma), method="sigmoid", cv=3, ensemble=False)
        )
        for c, gamma in product((1.0, 0.1, 10.0), ("scale", 0.02))
    )


def _random_forest() -> Candidates:
    return tuple(
        lambda leaf=leaf, share=share: RandomForestClassifier(
            200, min_samples_leaf=leaf, max_features=share, random_state=0
        )
        for leaf, share in product((1, 3, 10), ("sqrt", 0.5))
    )


def _boosted_trees() -> Candidates:
    from xgboost import XGBClassifier  # noqa: PLC0415 - an extra, and only needed here

    return tuple(
        lambda rate=rate, depth=depth: XGBClassifier(
            n_estimators=200, learning_rate=rate, max_depth=depth, n_jobs=1, random_state=0
        )
        for rate, depth in product((0.1, 0.03), (6, 4, 2))
    )


def _real_mlp() -> Candidates:
    import torch  # noqa: PLC0415

    pytabkit = import_module("pytabkit")  # an extra, and only needed here
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)

    def make() -> Any:
        threads = torch.get_num_threads()
        net = pytabkit.RealMLP_TD_Classifier(device="cpu", n_threads=threads, verbosity=0, n_cv=1, random_state=0)
        return make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), net)

    return (make,)


def _splines() -> Candidates:
    return tuple(
        lambda grid=grid, steps=steps: _standardised(KanClassifier(grid, steps))
        for grid, steps in product((3, 5), (100, 50, 200))
    )


CLASSICAL: Mapping[str, Callable[[], Candidates]] = {
    "logistic regression": _logistic_regression,
    "SVM (RBF)": _support_vectors,
    "random forest": _random_forest,
    "XGBoost": _boosted_trees,
}
"""By name; each needs no more than the extra `studies`."""

MODERN: Mapping[str, tuple[str, Callable[[], Candidates]]] = {
    "RealMLP (tuned defaults)": ("pytabkit", _real_mlp),
    "KAN": ("kan", _splines),
}
"""Baselines of packages that are used where they are installed, by name with the module's."""


def installed(module: str) -> bool:
    """Return whether a module can be imported."""
    return find_spec(module) is not None


def log_loss_of(probabilities: Any, labels: Any) -> float:
    """Return the mean negative log-likelihood of class indices [n] under probabilities [n, K], never infinite."""
    chosen = np.asarray(probabilities)[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(chosen, 1e-12, None)).mean())
