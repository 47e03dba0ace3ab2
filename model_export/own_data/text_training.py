"""Texts that are learned from alone: a head on the embeddings of a sentence encoder."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from model_export.chainzrule import in_words
from model_export.errors import DataError
from model_export.export import Data, Labelled, RegressionData, export, export_regression
from model_export.graph.publication import ModelCard
from model_export.graph.regression.calibration import Measured, Target
from model_export.graph.version_folder import free_version, next_version
from model_export.own_data.plan import TablePlan
from model_export.own_data.text_column import embed_column
from model_export.own_data.training import usual_estimator
from service.manifest import Training


def texts_alone(plan: TablePlan) -> bool:
    """Return whether a table's only column to be learned from holds texts."""
    return [column.kind for column in plan.used] == ["text"]


def export_texts(
    plan: TablePlan,
    repository: Path,
    card: ModelCard,
    *,
    encoder: Path | None = None,
    version: int | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Path:
    """Train on a plan's only column, of texts, calibrate, export, verify and write a version; return its folder.

    Args:
        plan: of the table.
        repository: where `<name>/<version>/` goes.
        card: what the model is called and what it is for.
        encoder: a local folder of an encoder, see `load_encoder`; the usual one unless given.
        version: the next free one unless given.
        seed: of the start and the order of the texts.
        progress: draw progress bars.

    Raises:
        DataError: if a text is missing, or they cannot be learned from.
        DataNotFoundError: if the encoder's package is not installed.
        VerificationError: if a graph and its network disagree; nothing is written then.
        ExportError: if the version is there already.
    """
    version = version or next_version(repository, card.name)
    free_version(repository, card.name, version)
    column = embed_column(plan, encoder, progress=progress)
    if column is None:
        raise TypeError("the plan has no text")
    lacking = plan.rows[np.isnan(column.lengths)]
    if len(lacking):
        raise DataError(f"{column.name} is missing in row {lacking[0]} ({len(lacking)} in all): take such rows out")
    target, rows = plan.target, column.embeddings
    estimator = clone(usual_estimator(plan, len(plan.parts.training), texts=True))
    estimator.set_params(random_state=seed, progress=progress)
    estimator.fit(rows[plan.parts.training], target.codes[plan.parts.training])
    shared: dict[str, Any] = {
        "repository": repository,
        "version": version,
        "card": card,
        "inputs": column.input,
        "encoder": column.encoder,
        "activation": in_words(estimator.activation, estimator.degree),
        "training": Training(
            data=f"{card.data}; split {plan.parts.how}",
            rows=estimator.training_rows_,
            validation_rows=estimator.validation_rows_,
            seed=seed,
            dreg=str(estimator.schedule),
            epochs=estimator.epochs_,
        ),
    }
    network, standardiser = estimator.network_, estimator.standardiser_
    if target.task == "regression":
        measured = RegressionData(*(Measured(rows[part], target.codes[part]) for part in plan.parts[:3]))
        return export_regression(network, standardiser, measured, Target(target.name), **shared)
    data = Data(*(Labelled(rows[part], target.codes[part]) for part in plan.parts[:3]))
    return export(network, standardiser, data, classes=target.classes, **shared)
