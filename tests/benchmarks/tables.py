"""ChainzRule beside gradient boosting and a multilayer perceptron on small public tables, each as it comes.

Nothing is tuned: every model has its library's default settings, `ChainzRuleClassifier` and `ChainzRuleRegressor` their
own. The perceptron alone gets what it cannot do without, means for gaps and standardised columns. Ten-fold
cross-validation is made twice, stratified by class, with the same folds for every model; differences have intervals
by the corrected resampled t-test (`corrected_t`). The sets are scikit-learn's, statsmodels' and Pima diabetes, which is
left out where it is not at hand.

    python -m tests.benchmarks.tables [FILE]
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn import datasets
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from statsmodels.datasets import anes96, fair

from model_export.errors import DataNotFoundError
from model_export.reproduction.environment import environment
from model_export.reproduction.statistics import corrected_t
from model_export.tasks.pima import load_pima
from model_export.training import ChainzRuleClassifier, ChainzRuleRegressor

FOLDS, REPEATS = 10, 2
NAMES = ("ChainzRule", "gradient boosting", "perceptron")


class Table(NamedTuple):
    """A table to be learned from."""

    name: str
    rows: NDArray[np.float64]
    """[N, n_0], NaN where a value is missing"""
    target: NDArray[Any]
    """[N]: classes as whole numbers, or values"""
    classes: int
    """0 of values"""


class Fold(NamedTuple):
    """What each model makes of one fold's test rows."""

    right: list[float]
    """Accuracy, or R² of values; [models]"""
    log_loss: list[float]
    """[models]; NaN of values"""


def tables() -> list[Table]:
    """Return all that are at hand."""
    loaders: tuple[tuple[str, Callable[..., Any]], ...] = (
        ("iris", datasets.load_iris),
        ("wine", datasets.load_wine),
        ("breast cancer", datasets.load_breast_cancer),
        ("digits", datasets.load_digits),
    )
    found = [_classes(name, *load(return_X_y=True)) for name, load in loaders]
    votes = anes96.load_pandas().data
    found.append(_classes("vote of 1996", votes.drop(columns="vote"), votes["vote"]))
    survey = fair.load_pandas().data
    found.append(_classes("affairs", survey.drop(columns="affairs"), survey["affairs"] > 0))
    try:
        pima = load_pima()
        found.append(_classes("Pima diabetes", pima.drop(columns="Outcome"), pima["Outcome"]))
    except DataNotFoundError as error:
        print(f"left out: {error}", file=sys.stderr)
    rows, target = datasets.load_diabetes(return_X_y=True, scaled=False)
    return [*found, Table("diabetes' progression", rows, target, 0)]


def _classes(name: str, rows: Any, target: Any) -> Table:
    codes = np.unique(np.asarray(target), return_inverse=True)[1]
    return Table(name, np.asarray(rows, float), codes, int(codes.max()) + 1)


def models(table: Table, seed: int) -> list[Any]:
    """Return an unfitted model for each name."""
    prepared = (SimpleImputer(), StandardScaler())
    if table.classes:
        return [
            ChainzRuleClassifier(random_state=seed),
            HistGradientBoostingClassifier(random_state=seed),
            make_pipeline(*prepared, MLPClassifier(random_state=seed)),
        ]
    return [
        ChainzRuleRegressor(random_state=seed),
        HistGradientBoostingRegressor(random_state=seed),
        make_pipeline(*prepared, MLPRegressor(random_state=seed)),
    ]


def run_fold(table: Table, seed: int, training: NDArray[np.int64], test: NDArray[np.int64]) -> Fold:
    """Fit every model on the training rows and judge it by the others."""
    torch.set_num_threads(1)
    right, losses = [], []
    for model in models(table, seed):
        model.fit(table.rows[training], table.target[training])
        right.append(float(model.score(table.rows[test], table.target[test])))
        losses.append(np.nan)
        if table.classes:
            found = np.asarray(model.predict_proba(table.rows[test]), float)
            losses[-1] = float(
                log_loss(table.target[test], found / found.sum(1, keepdims=True), labels=range(table.classes))
            )
    return Fold(right, losses)


def measure(table: Table) -> dict[str, NDArray[np.float64]]:
    """Return accuracy or R², and log loss, [folds of all repeats, models]."""
    splitter = StratifiedKFold if table.classes else KFold
    folds = [
        run_fold(table, repeat, training, test)
        for repeat in range(REPEATS)
        for training, test in splitter(FOLDS, shuffle=True, random_state=repeat).split(table.rows, table.target)
    ]
    return {"right": np.array([fold.right for fold in folds]), "log loss": np.array([fold.log_loss for fold in folds])}


def row_of(table: Table, measured: dict[str, NDArray[np.float64]]) -> dict[str, str]:
    """Return a table's row of the result."""
    right, losses = measured["right"], measured["log loss"]
    row = {"table": table.name, "rows × columns": f"{len(table.rows):,} × {table.rows.shape[1]}"}
    row["classes"] = str(table.classes or "a number: R²")
    for name, mean, loss in zip(NAMES, right.mean(0), losses.mean(0), strict=True):
        row[name] = f"{mean:.3f}" + (f" ({loss:.3f})" if table.classes else "")
    for other in (1, 2):
        difference = corrected_t(right[:, 0] - right[:, other], FOLDS)
        row[f"beside {NAMES[other]}"] = (
            f"{difference.difference:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"
        )
    return row


def ranks(means: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the mean rank of each model over tables, 1 the best, of figures that are better when larger."""
    mean: NDArray[np.float64] = np.mean([rankdata(-one) for one in means], axis=0)
    return mean


def main(file: Path) -> None:
    """Measure everything, and write and print the result."""
    rows, right, losses = [], [], []
    for table in tables():
        measured = measure(table)
        rows.append(row_of(table, measured))
        right.append(measured["right"].mean(0))
        if table.classes:
            losses.append(-measured["log loss"].mean(0))
        print(rows[-1], file=sys.stderr, flush=True)
    ranked = {"table": "mean rank", "rows × columns": "", "classes": ""}
    for name, of_right, of_loss in zip(NAMES, ranks(right), ranks(losses), strict=True):
        ranked[name] = f"{of_right:.2f} ({of_loss:.2f})"
    frame = pd.DataFrame([*rows, ranked]).fillna("")
    machine = ", ".join(f"{key} {value}" for key, value in environment().items() if key != "commit")
    lines = ["# ChainzRule on small tables", "", "By `python -m tests.benchmarks.tables`, which says how."]
    lines += ["Accuracy and, in brackets, log loss; R² of a number.", f"{machine}.", ""]
    lines += ["| " + " | ".join(cells) + " |" for cells in (frame.columns, ["---"] * frame.shape[1], *frame.to_numpy())]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(file.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "results/tables.md")
