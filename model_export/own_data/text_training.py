"""Texts that are learned from alone: a head on the embeddings of a sentence encoder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from sklearn.base import clone

from model_export.chainzrule import Network, in_words
from model_export.errors import DataError
from model_export.export import Data, Labelled, RegressionData, export, export_regression
from model_export.graph.publication import ModelCard
from model_export.graph.regression.calibration import Measured, Target
from model_export.graph.version_folder import free_version, next_version
from model_export.own_data.plan import TablePlan
from model_export.own_data.text_column import TextColumn, embed_column
from model_export.own_data.training import usual_estimator
from model_export.training.standardiser import Standardiser
from service.manifest import Training


def texts_alone(plan: TablePlan) -> bool:
    """Return whether a table's only column to be learned from holds texts."""
    return [column.kind for column in plan.used] == ["text"]


@dataclass(frozen=True)
class TrainedTexts:
    """A head fitted to the embeddings of texts, and what it was made of.

    Args:
        plan: of the table whose only column to be learned from they are.
        text: the texts and their encoder.
        estimator: fitted to the embeddings of the training rows.
        seed: of the start and the order of the texts.
    """

    plan: TablePlan
    text: TextColumn
    estimator: Any
    seed: int

    @property
    def network(self) -> Network:
        """The fitted head."""
        return cast("Network", self.estimator.network_)

    @property
    def standardiser(self) -> Standardiser:
        """From embeddings to what the head takes."""
        return cast("Standardiser", self.estimator.standardiser_)

    def export(self, repository: Path, card: ModelCard, *, version: int | None = None) -> Path:
        """Calibrate, export, verify and write a version; return its folder.

        Args:
            repository: where `<name>/<version>/` goes.
            card: what the model is called and what it is for.
            version: the next free one unless given.

        Raises:
            DataError: if it cannot be calibrated.
            VerificationError: if a graph and its network disagree; nothing is written then.
            ExportError: if the version is there already.
        """
        version = version or next_version(repository, card.name)
        free_version(repository, card.name, version)
        parts, target, rows = self.plan.parts, self.plan.target, self.text.embeddings
        shared: dict[str, Any] = {
            "repository": repository,
            "version": version,
            "card": card,
            "inputs": self.text.input,
            "encoder": self.text.encoder,
            "activation": in_words(self.estimator.activation, self.estimator.degree),
            "training": Training(
                data=f"{card.data}; split {parts.how}",
                rows=self.estimator.training_rows_,
                validation_rows=self.estimator.validation_rows_,
                seed=self.seed,
                dreg=str(self.estimator.schedule),
                epochs=self.estimator.epochs_,
            ),
        }
        if target.task == "regression":
            measured = RegressionData(*(Measured(rows[part], target.codes[part]) for part in parts[:3]))
            return export_regression(self.network, self.standardiser, measured, Target(target.name), **shared)
        data = Data(*(Labelled(rows[part], target.codes[part]) for part in parts[:3]))
        return export(self.network, self.standardiser, data, classes=target.classes, **shared)


def train_texts(plan: TablePlan, *, encoder: Path | None = None, seed: int = 0, progress: bool = False) -> TrainedTexts:
    """Return a head fitted to the embeddings of a plan's only column, of texts.

    Args:
        plan: of the table.
        encoder: a local folder of an encoder, see `load_encoder`; the usual one unless given.
        seed: of the start and the order of the texts.
        progress: draw progress bars.

    Raises:
        DataError: if a text is missing, or they cannot be learned from.
        DataNotFoundError: if the encoder's package is not installed.
    """
    text = embed_column(plan, encoder, progress=progress)
    if text is None:
        raise TypeError("the plan has no text")
    lacking = plan.rows[np.isnan(text.lengths)]
    if len(lacking):
        raise DataError(f"{text.name} is missing in row {lacking[0]} ({len(lacking)} in all): take such rows out")
    estimator = clone(usual_estimator(plan, len(plan.parts.training), texts=True))
    estimator.set_params(random_state=seed, progress=progress)
    parts = plan.parts
    estimator.fit(
        text.embeddings[parts.training], plan.target.codes[parts.training], validation_mask=parts.validation_mask
    )
    return TrainedTexts(plan, text, estimator, seed)
