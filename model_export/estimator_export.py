"""From a fitted scikit-learn estimator to a version folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from model_export.chainzrule import in_words
from model_export.errors import DataError
from model_export.export import Data, Labelled, RegressionData, export, export_regression
from model_export.graph.calibration import class_codes
from model_export.graph.publication import ModelCard
from model_export.graph.regression.calibration import Measured, Target
from model_export.graph.version_folder import free_version, next_version
from model_export.reliability.conformal import FEWEST_ROWS
from model_export.tasks.table_task import describe_table
from model_export.training import ChainzRuleClassifier, ChainzRuleRegressor
from model_export.training.table import read_table, read_target
from service.manifest import JacobianKind, Training

_SEEN_BEFORE = 0.1
"""Share of held-out rows that may stand among the training rows, as rows of few values do by chance."""


__all__ = ["ModelCard", "Rows", "Target", "export_estimator"]


class Rows(NamedTuple):
    """A table, as `fit` takes it, and its labels or targets."""

    X: Any
    y: ArrayLike


def export_estimator(
    estimator: ChainzRuleClassifier | ChainzRuleRegressor,
    repository: Path,
    card: ModelCard,
    *,
    training: Rows,
    calibration: Rows,
    test: Rows,
    target: Target | None = None,
    class_names: Mapping[Any, str] | None = None,
    feature_names: Sequence[str] | None = None,
    units: Mapping[str, str | None] | None = None,
    version: int | None = None,
    jacobian: JacobianKind = "margin",
) -> Path:
    """Calibrate, export, verify and write a fitted estimator; return its version folder, ready to be served.

    The three sets of rows must share none: what was trained on cannot say how often the model is right.

    Args:
        estimator: fitted, of classes, levels or a number.
        repository: where `<name>/<version>/` goes.
        card: what the model is called and what it is for.
        training: what the estimator was fitted on.
        calibration: rows that the signals are calibrated on, at least 20, better hundreds.
        test: rows that the model is tested on; figures in the manifest.
        target: what a regressor predicts; of no use for others. Called "target" unless given.
        class_names: what each label is called in answers; its text unless given.
        feature_names: the columns' names; those of the data frame unless given, or "feature 0" and so on.
        units: each feature's unit, by name; None unless given.
        version: the next free one unless given.
        jacobian: of a classifier, see `Scorer`.

    Raises:
        NotFittedError: if the estimator is not fitted.
        DataError: if the rows are not those that it was fitted on, too few, or trained on; if a label is unknown.
        VerificationError: if the graph and the network disagree; nothing is written then.
        ExportError: if the version is there already, or the disk refuses.
    """
    check_is_fitted(estimator)
    version = version or next_version(repository, card.name)
    free_version(repository, card.name, version)
    tables = {name: read_table(part.X) for name, part in _named(training, calibration, test)}
    _check(estimator, tables)
    names = _names(estimator, feature_names)
    known = dict.fromkeys(names) | dict(units or {})
    if unknown := set(known) - set(names):
        raise DataError(f"units name no feature: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    frame = pd.DataFrame(tables["training"], columns=names)
    record = Training(
        data=card.data,
        rows=estimator.training_rows_,
        validation_rows=estimator.validation_rows_,
        seed=estimator.random_state if isinstance(estimator.random_state, int) else 0,
        dreg=str(estimator.schedule),
        epochs=estimator.epochs_,
    )
    shared: dict[str, Any] = {
        "repository": repository,
        "version": version,
        "card": card,
        "inputs": describe_table(frame, estimator.standardiser_, known),
        "activation": in_words(estimator.activation, estimator.degree),
        "training": record,
    }
    parts = [(tables[name], part.y) for name, part in _named(training, calibration, test)]
    if isinstance(estimator, ChainzRuleRegressor):
        measured = RegressionData(*(Measured(table, read_target(y, len(table))) for table, y in parts))
        _check_untrained({n: (p.rows, p.targets) for n, p in measured._asdict().items()})
        return export_regression(
            estimator.network_, estimator.standardiser_, measured, target or Target("target"), **shared
        )
    labelled = Data(*(Labelled(table, class_codes(estimator, y)) for table, y in parts))
    _check_untrained({name: (part.rows, part.codes) for name, part in labelled._asdict().items()})
    called = class_names or {}
    return export(
        estimator.network_,
        estimator.standardiser_,
        labelled,
        classes=tuple(called.get(label, str(label)) for label in estimator.classes_.tolist()),
        jacobian=jacobian,
        **shared,
    )


def _named(training: Rows, calibration: Rows, test: Rows) -> tuple[tuple[str, Rows], ...]:
    return ("training", training), ("calibration", calibration), ("test", test)


def _check(estimator: ChainzRuleClassifier | ChainzRuleRegressor, tables: Mapping[str, NDArray[np.float64]]) -> None:
    """Refuse rows of other features, and fewer than can be calibrated on."""
    for name, table in tables.items():
        if table.shape[1] != estimator.n_features_in_:
            raise DataError(
                f"the {name} rows have {table.shape[1]} features, and the estimator was fitted on "
                f"{estimator.n_features_in_}"
            )
    fitted = estimator.training_rows_ + estimator.validation_rows_
    if len(tables["training"]) != fitted:
        raise DataError(
            f"the estimator was fitted on {fitted} rows and these training rows are {len(tables['training'])}: give "
            "those that fit was given"
        )
    if len(tables["calibration"]) < FEWEST_ROWS:
        raise DataError(
            f"{len(tables['calibration'])} calibration rows are too few: hold out at least {FEWEST_ROWS}, better "
            "hundreds"
        )


def _check_untrained(parts: Mapping[str, tuple[NDArray[np.float64], NDArray[Any]]]) -> None:
    """Refuse held-out rows that stand among the training rows, or among each other, with the same label."""
    seen: set[bytes] = set()
    told: list[str] = []
    for name, (table, target) in parts.items():
        # -0.0 and 0.0, and all NaN, are one value each.
        keys = [row.tobytes() for row in np.column_stack([np.where(np.isnan(table), np.nan, table) + 0.0, target])]
        if seen:
            share = sum(key in seen for key in keys) / max(len(keys), 1)
            if share > _SEEN_BEFORE:
                raise DataError(
                    f"{100 * share:.0f} % of the {name} rows stand among the {' or '.join(told)} rows, label and all: "
                    "give rows that were held out, each in one part alone"
                )
        seen.update(keys)
        told.append(name)


def _names(estimator: ChainzRuleClassifier | ChainzRuleRegressor, given: Sequence[str] | None) -> list[str]:
    count: int = estimator.n_features_in_
    if given is None:
        return [str(name) for name in getattr(estimator, "feature_names_in_", [f"feature {n}" for n in range(count)])]
    if len(given) != count:
        raise DataError(f"{len(given)} feature names are given for {count} features")
    return list(given)
