"""A network for a user's own table: from a data frame to a fitted estimator, with what a report needs beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.base import clone

from model_export.chainzrule import Network, in_words
from model_export.export import Data, Labelled, RegressionData, export, export_regression
from model_export.graph.publication import ModelCard
from model_export.graph.regression.calibration import Measured, Target
from model_export.graph.version_folder import free_version, next_version
from model_export.own_data.encoder import TableEncoder
from model_export.own_data.findings import Finding, look_for_trouble
from model_export.own_data.memory import COLUMNS_FACTOR, check_fits
from model_export.own_data.options import TableOptions
from model_export.own_data.plan import TablePlan, plan_table
from model_export.own_data.text_column import TextColumn, embed_column
from model_export.training import ChainzRuleClassifier, ChainzRuleOrdinalClassifier, ChainzRuleRegressor
from model_export.training.expansion import TableStandardiser
from service.inputs import TableInput
from service.manifest import Training

_SMALLEST_SPREAD = 1e-6
"""A column that varies less, relative to its size, is as good as constant: times of one hour, in binary fractions."""

_EMBEDDED = {"curvature": 0.1, "dreg": 10**-1.5}
"""Embeddings have no sharp features: the start that did best on the validation sentences of SST-5."""

_STEPS_AN_EPOCH = 200
_BATCHES = (32, 1024)


@dataclass(frozen=True)
class TrainedTable:
    """A network fitted to a table, what it was made of, and what was noticed on the way.

    Args:
        plan: the inferred kinds of columns, the task and the splits.
        encoder: from values to rows, fitted to the training rows.
        estimator: fitted to the training rows as the encoder expands them.
        rows: of the whole table [N, F], as clients' rows reach the graph; behind the features a text's embedding.
        findings: what looks suspicious.
        seed: of the split, the start and the order of the rows.
        text: the text among the columns, if there is one.
    """

    plan: TablePlan
    encoder: TableEncoder
    estimator: Any
    rows: NDArray[np.float64]
    findings: tuple[Finding, ...]
    seed: int
    text: TextColumn | None = None

    @property
    def network(self) -> Network:
        """The fitted network."""
        return cast("Network", self.estimator.network_)

    @property
    def standardiser(self) -> TableStandardiser:
        """From rows to what the network takes."""
        return self.encoder.standardiser(self.estimator.standardiser_)

    @property
    def inputs(self) -> TableInput:
        """What clients send."""
        return self.encoder.describe(self.estimator.standardiser_, self.plan.ignored)

    @cached_property
    def test_predictions(self) -> NDArray[Any]:
        """What the estimator makes of the test rows: probabilities [n, K] by class, or values [n].

        They are not calibrated; temperature and reliability are fitted by the export.
        """
        return self.predict(self.rows[self.plan.parts.test])

    def predict(self, rows: NDArray[np.float64]) -> NDArray[Any]:
        """Return what the estimator makes of rows [n, F]; see `test_predictions`."""
        columns = self.encoder.expand(rows)
        if self.plan.target.task == "regression":
            return cast("NDArray[Any]", self.estimator.predict(columns))
        return cast("NDArray[Any]", self.estimator.predict_proba(columns))

    def data(self) -> Data:
        """Return the rows for the three uses, as an export of classes or levels wants them."""
        codes = self.plan.target.codes
        return Data(*(Labelled(self.rows[part], codes[part]) for part in self.plan.parts[:3]))

    def measured(self) -> RegressionData:
        """Return the same as an export of a quantity wants them."""
        values = self.plan.target.codes
        return RegressionData(*(Measured(self.rows[part], values[part]) for part in self.plan.parts[:3]))

    def export(self, repository: Path, card: ModelCard, *, version: int | None = None) -> Path:
        """Calibrate, export, verify and write a version; return its folder.

        Args:
            repository: where `<name>/<version>/` goes.
            card: what the model is called and what it is for.
            version: the next free one unless given.

        Raises:
            DataError: if it cannot be calibrated.
            VerificationError: if the graph and the network disagree; nothing is written then.
            ExportError: if the version is there already.
        """
        version = version or next_version(repository, card.name)
        free_version(repository, card.name, version)
        estimator, target = self.estimator, self.plan.target
        shared: dict[str, Any] = {
            "repository": repository,
            "version": version,
            "card": card,
            "inputs": self.inputs,
            "encoder": None if self.text is None else self.text.encoder,
            "activation": in_words(estimator.activation, estimator.degree),
            "training": Training(
                data=f"{card.data}; split {self.plan.parts.how}",
                rows=estimator.training_rows_,
                validation_rows=estimator.validation_rows_,
                seed=self.seed,
                dreg=str(estimator.schedule),
                epochs=estimator.epochs_,
            ),
        }
        if target.task == "regression":
            return export_regression(self.network, self.standardiser, self.measured(), Target(target.name), **shared)
        return export(self.network, self.standardiser, self.data(), classes=target.classes, **shared)


def train_table(
    frame: pd.DataFrame,
    target: str,
    *,
    options: TableOptions | None = None,
    estimator: Any = None,
    encoder: Path | None = None,
    seed: int = 0,
    progress: bool = False,
) -> TrainedTable:
    """Return a network fitted to a table.

    Args:
        frame: the table, labels included; any index.
        target: the column of labels.
        options: what is not to be found out of the table.
        estimator: an unfitted one to be used in the place of the usual one for the task.
        encoder: a local folder of an encoder for a text, see `load_encoder`; the usual one unless given.
        seed: of the split, the start and the order of the rows.
        progress: draw a progress bar.

    Raises:
        DataError: naming the column or row that nothing can be learned from, and what to do; or if training diverges.
        EncoderError: if the folder does not hold an encoder that can be exported.
        DataNotFoundError: if there is a text, and the usual encoder's package is not installed.
    """
    plan = plan_table(frame, target, options or TableOptions(), seed)
    return train_plan(plan, estimator=estimator, encoder=encoder, seed=seed, progress=progress)


def train_plan(
    plan: TablePlan, *, estimator: Any = None, encoder: Path | None = None, seed: int = 0, progress: bool = False
) -> TrainedTable:
    """Return a network fitted to a table whose plan was looked at; see `train_table`."""
    text = embed_column(plan, encoder, progress=progress)
    values = plan.values if text is None else plan.values | {text.name: text.lengths}
    parts = plan.parts
    training = plan._replace(values=values).at(parts.training)
    columns_of = TableEncoder.fit(plan.used, training, None if text is None else text.input)
    rows = sent = columns_of.rows(values)
    if text is not None:
        rows, sent = (np.concatenate([rows, behind], axis=1) for behind in (text.embeddings, text.tokens))
    width = len(columns_of.expansion().owners)
    check_fits("the table with a column for each common category", 8.0 * rows.shape[0] * width, COLUMNS_FACTOR)
    columns = _settled(columns_of.expand(rows[parts.training]))
    fitted = usual_estimator(plan, len(columns), texts=text is not None) if estimator is None else clone(estimator)
    fitted.set_params(random_state=seed, progress=progress)
    with _one_thread():
        fitted.fit(columns, plan.target.codes[parts.training], validation_mask=parts.validation_mask)
    return TrainedTable(plan, columns_of, fitted, rows, look_for_trouble(plan, sent), seed, text)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread: steps as small as a table's take longer on several, which wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def usual_estimator(plan: TablePlan, rows: int, *, texts: bool = False) -> Any:
    """Return an unfitted estimator for a plan with so many training rows, the embeddings of texts among them or not."""
    smallest, largest = _BATCHES
    batch = int(np.clip(2 ** round(np.log2(max(rows / _STEPS_AN_EPOCH, 1))), smallest, largest))
    settings: dict[str, Any] = {"batch_size": batch, **(_EMBEDDED if texts else {})}
    match plan.target.task:
        case "regression":
            return ChainzRuleRegressor(**settings)
        case "ordinal":
            return ChainzRuleOrdinalClassifier(**settings)
        case _:
            # Not weighted by class, however rare one is: tests/benchmarks/rare_classes.py has what that costs.
            return ChainzRuleClassifier(**settings)


def _settled(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return columns [N, n] of which those that hardly vary do not vary at all."""
    mean = np.nanmean(columns, axis=0)
    still = np.nanstd(columns, axis=0) < _SMALLEST_SPREAD * np.maximum(np.nanmax(np.abs(columns), axis=0), 1)
    return np.where(still & ~np.isnan(columns), mean, columns)
