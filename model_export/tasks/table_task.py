"""A classification task on a table, from data to a version folder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import train_test_split

from model_export.chainzrule import in_words
from model_export.errors import DataError
from model_export.export import Data, Labelled, export
from model_export.graph.calibration import class_codes
from model_export.graph.publication import ModelCard
from model_export.graph.version_folder import free_version, next_version
from model_export.training import ChainzRuleClassifier
from model_export.training.standardiser import Standardiser
from model_export.training.table import read_table, split_target
from service.inputs import Feature, TableInput
from service.manifest import JacobianKind, Training

TEST_SHARE, CALIBRATION_SHARE = 0.2, 0.2
"""Of all rows. The rest trains, a part of it as the validation rows that stop training early."""


class Rows(NamedTuple):
    """Features and labels, index for index."""

    table: pd.DataFrame
    labels: "pd.Series[Any]"


class Split(NamedTuple):
    """Rows for the three uses that must not share any."""

    training: Rows
    calibration: Rows
    test: Rows


@dataclass(frozen=True, kw_only=True)
class TableTask(ModelCard):
    """What is particular to one table; everything else about training and exporting is the same for all.

    Args:
        load: returns the table, labels included.
        target: the label column.
        class_names: what each label is called in answers.
        units: each feature's unit, None where it has none.
        estimator: an unfitted estimator; its settings were chosen without the test rows.
        jacobian: which rows of the Jacobian the graph takes, see `Scorer`.
    """

    load: Callable[[], pd.DataFrame]
    target: str
    class_names: Mapping[Any, str]
    units: Mapping[str, str | None]
    estimator: ChainzRuleClassifier
    jacobian: JacobianKind = "margin"

    def split(self, seed: int) -> Split:
        """Return training, calibration and test rows, stratified by label.

        Raises:
            DataError: if there is no target column, or a class has too few rows to be in every part.
        """
        table, labels = split_target(self.load(), self.target)
        share = CALIBRATION_SHARE / (1 - TEST_SHARE)
        try:
            rest, test = train_test_split(table.index, test_size=TEST_SHARE, stratify=labels, random_state=seed)
            training, held_out = train_test_split(rest, test_size=share, stratify=labels[rest], random_state=seed)
        except ValueError as error:
            raise DataError(f"the {len(table)} rows cannot be split by {self.target}: {error}") from error
        return Split(*(Rows(table.loc[part], labels.loc[part]) for part in (training, held_out, test)))

    def export(self, repository: Path, *, version: int | None = None, seed: int = 0, progress: bool = False) -> Path:
        """Train, calibrate, export, verify and write a version; return its folder.

        Args:
            repository: where `<name>/<version>/` goes.
            version: the next free one unless given.
            seed: of the split, the start and the order of the rows.
            progress: draw a progress bar.

        Raises:
            DataError: if the table cannot be learned from.
            VerificationError: if the graph and the network disagree; nothing is written then.
            ExportError: if the version is there already.
        """
        version = version or next_version(repository, self.name)
        free_version(repository, self.name, version)
        split = self.split(seed)
        estimator = clone(self.estimator).set_params(random_state=seed, progress=progress)
        estimator.fit(split.training.table, split.training.labels)
        parts = (
            Labelled(read_table(part.table), class_codes(estimator, part.labels))
            for part in (split.training, split.calibration, split.test)
        )
        return export(
            estimator.network_,
            estimator.standardiser_,
            Data(*parts),
            repository=repository,
            version=version,
            card=self,
            classes=tuple(self.class_names[label] for label in estimator.classes_),
            inputs=describe_table(split.training.table, estimator.standardiser_, self.units),
            activation=in_words(estimator.activation, estimator.degree),
            training=Training(
                data=self.data,
                rows=estimator.training_rows_,
                validation_rows=estimator.validation_rows_,
                seed=seed,
                dreg=str(estimator.schedule),
                epochs=estimator.epochs_,
            ),
            jacobian=self.jacobian,
        )


def describe_table(table: pd.DataFrame, standardiser: Standardiser, units: Mapping[str, str | None]) -> TableInput:
    """Return the features as the training rows have them.

    Args:
        table: the training rows.
        standardiser: fitted to them.
        units: each feature's unit, None where it has none.
    """
    scales = zip(standardiser.mean.tolist(), standardiser.deviation.tolist(), strict=True)
    return TableInput(
        features=tuple(
            Feature(
                name=str(name),
                unit=units[str(name)],
                minimum=column.min(),
                maximum=column.max(),
                mean=mean,
                standard_deviation=deviation,
                may_be_missing=bool(column.isna().any()),
                missing_ratio=column.isna().mean(),
                example=column.median(),
            )
            for (name, column), (mean, deviation) in zip(table.items(), scales, strict=True)
        ),
        clamp=standardiser.clamp,
    )
