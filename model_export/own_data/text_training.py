"""Texts that are learned from alone: a head on the embeddings of a sentence encoder."""

from pathlib import Path

import numpy as np
from sklearn.base import clone

from model_export.chainzrule import in_words
from model_export.errors import DataError
from model_export.graph.publication import ModelCard
from model_export.graph.version_folder import free_version, next_version
from model_export.own_data.plan import TablePlan
from model_export.own_data.training import usual_estimator
from model_export.text.embeddings import embed
from model_export.text.encoder import load_encoder
from model_export.text.export import TextData, export_on_texts
from model_export.text.graph import EncoderGraph, export_encoder
from model_export.text.minilm import NAME, minilm_folder
from model_export.text.tokens import LabelledTokens, tokenize
from service.manifest import Training

_MAX_TOKENS = 128
"""A text of more is cut, or of more than the encoder has positions for."""


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
    if plan.target.task == "regression":
        raise DataError(f"{plan.target.name} is a quantity, and of texts only classes and levels are learned")
    version = version or next_version(repository, card.name)
    free_version(repository, card.name, version)
    [column] = plan.used
    texts = plan.values[column.name]
    lacking = [row for row, text in zip(plan.rows.tolist(), texts.tolist(), strict=True) if text is None]
    if lacking:
        raise DataError(f"{column.name} is missing in row {lacking[0]} ({len(lacking)} in all): take such rows out")
    loaded = load_encoder(encoder or minilm_folder(), "mean", None if encoder else NAME)
    graph = export_encoder(loaded, min(_MAX_TOKENS, loaded.longest))
    parts = [_tokens(plan, texts[part].tolist(), part, graph) for part in plan.parts[:3]]
    training, calibration, test = parts
    # Embeddings have no sharp features: the start that did best on the validation sentences of SST-5.
    estimator = clone(usual_estimator(plan, len(training.labels)))
    estimator.set_params(curvature=0.1, dreg=10**-1.5, random_state=seed, progress=progress)
    estimator.fit(embed(training.tokens, graph, progress=progress), training.labels)
    return export_on_texts(
        graph,
        estimator.network_,
        estimator.standardiser_,
        TextData(training, calibration, test),
        repository=repository,
        version=version,
        card=card,
        classes=plan.target.classes,
        example=_usual(texts.tolist()),
        activation=in_words(estimator.activation, estimator.degree),
        training=Training(
            data=f"{card.data}; split {plan.parts.how}",
            rows=estimator.training_rows_,
            validation_rows=estimator.validation_rows_,
            seed=seed,
            dreg=str(estimator.schedule),
            epochs=estimator.epochs_,
        ),
        progress=progress,
    )


def _tokens(
    plan: TablePlan, texts: list[str], part: "np.typing.NDArray[np.int64]", graph: EncoderGraph
) -> LabelledTokens:
    return LabelledTokens(tokenize(texts, graph), plan.target.codes[part])


def _usual(texts: list[str]) -> str:
    """Return a text of the usual length."""
    ordered = sorted(texts, key=len)
    return ordered[len(ordered) // 2]
