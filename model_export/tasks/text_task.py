"""A task on texts, from data to a version folder."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Self, cast

from sklearn.base import clone

from model_export.chainzrule import Network, in_words
from model_export.errors import DataError
from model_export.graph.publication import ModelCard
from model_export.graph.version_folder import free_version, next_version
from model_export.tasks.text_set import Texts, TextSet, TextSplit, split_texts
from model_export.text.embeddings import embed
from model_export.text.encoder import TextEncoder, load_encoder
from model_export.text.export import TextData, export_on_texts
from model_export.text.fine_tuning import FineTuning
from model_export.text.graph import EncoderGraph, export_encoder
from model_export.text.minilm import NAME, minilm_folder
from model_export.text.pooling import PoolingName
from model_export.text.quantisation import quantise
from model_export.text.refitting import refit
from model_export.text.tokens import LabelledTokens, tokenize
from model_export.training import ChainzRuleClassifier
from model_export.training.standardiser import Standardiser
from service.manifest import JacobianKind, Training

_VALIDATION_SHARE = 0.15
"""Of what is not held out, to stop training by, where the publisher set no texts apart for that."""


class _Trained(NamedTuple):
    encoder: EncoderGraph
    network: Network
    standardiser: Standardiser
    training: LabelledTokens
    """What it was trained on, validation texts included where the estimator took them from these"""

    rows: int
    validation_rows: int
    dreg: str
    epochs: int
    activation: str


@dataclass(frozen=True, kw_only=True)
class TextTask(ModelCard):
    """What is particular to one set of texts; everything else about training and exporting is the same for all.

    Args:
        load: returns the texts.
        classes: what the labels 0, 1, … are called in answers; levels in rising order where the head is ordinal.
        example: a usual text.
        head: an unfitted estimator, to be fitted to the embeddings of an encoder that stays as it is, or how encoder
            and head are trained together. Its settings were chosen without test and calibration texts.
        pooling: how an encoder's vectors become an embedding, see `POOLINGS`.
        folder: returns the encoder's local folder, see `load_encoder`.
        encoder_name: what the manifest calls it; None for the folder's name.
        max_tokens: a text of more tokens is cut.
        int8: whether the encoder is quantised, see `quantise`.
        calibration_rows: how many of the texts that are no test texts are held out by seed.
        jacobian: which rows of the Jacobian the graph takes, see `Scorer`.
    """

    load: Callable[[], TextSet]
    classes: tuple[str, ...]
    example: str
    head: ChainzRuleClassifier | FineTuning
    pooling: PoolingName = "mean"
    folder: Callable[[], Path] = minilm_folder
    encoder_name: str | None = NAME
    max_tokens: int = 128
    int8: bool = False
    calibration_rows: int = 2000
    jacobian: JacobianKind = "margin"

    def export(self, repository: Path, *, version: int | None = None, seed: int = 0, progress: bool = False) -> Path:
        """Train, calibrate, export, verify and write a version; return its folder.

        Args:
            repository: where `<name>/<version>/` goes.
            version: the next free one unless given.
            seed: of the split, the start, the order of the texts and the encoder's dropout.
            progress: draw progress bars.

        Raises:
            EncoderError: if the folder does not hold an encoder that can be exported.
            DataNotFoundError: if the data, or the encoder's package, is not at hand.
            DataError: if the texts cannot be learned from, or training diverges.
            VerificationError: if a graph and its network disagree; nothing is written then.
            ExportError: if the version is there already.
        """
        version = version or next_version(repository, self.name)
        free_version(repository, self.name, version)
        texts = self.load()
        encoder = load_encoder(self.folder(), self.pooling, self.encoder_name)
        split = split_texts(texts, self.calibration_rows, seed, _VALIDATION_SHARE)
        train = _fine_tune if isinstance(self.head, FineTuning) else _train
        trained = train(self, encoder, split, seed, progress)
        calibration, test = (_tokens(part, trained.encoder) for part in (split.calibration, texts.test))
        return export_on_texts(
            trained.encoder,
            trained.network,
            trained.standardiser,
            TextData(trained.training, calibration, test),
            repository=repository,
            version=version,
            card=self,
            classes=self.classes,
            example=self.example,
            activation=trained.activation,
            training=Training(
                data=f"{self.data}, {texts.extent}",
                rows=trained.rows,
                validation_rows=trained.validation_rows,
                seed=seed,
                dreg=trained.dreg,
                epochs=trained.epochs,
            ),
            jacobian=self.jacobian,
            progress=progress,
        )

    def with_encoder(self, folder: Path | None, pooling: PoolingName | None, *, int8: bool) -> Self:
        """Return the same task with another encoder; None leaves what there is.

        Args:
            folder: of the encoder, see `load_encoder`.
            pooling: see `POOLINGS`.
            int8: see `quantise`.
        """
        task = replace(self, pooling=pooling or self.pooling, int8=int8)
        return task if folder is None else replace(task, folder=lambda: folder, encoder_name=None)

    def graph_of(self, encoder: TextEncoder) -> EncoderGraph:
        """Return the graph of `encoder` as this task serves it."""
        graph = export_encoder(encoder, self.max_tokens)
        return quantise(graph) if self.int8 else graph


def _train(task: TextTask, encoder: TextEncoder, split: TextSplit, seed: int, progress: bool) -> _Trained:
    """Fit the task's estimator to the embeddings of an encoder that stays as it is."""
    graph = task.graph_of(encoder)
    # The estimator takes validation texts by itself: what the publisher set apart for that adds to what it learns from.
    training = _tokens(split.training + split.validation, graph)
    estimator = clone(task.head).set_params(random_state=seed, progress=progress)
    estimator.fit(embed(training.tokens, graph, progress=progress), training.labels)
    if len(estimator.classes_) != len(task.classes):
        raise DataError(
            f"the training texts have {len(estimator.classes_)} of the {len(task.classes)} classes: give texts of each"
        )
    return _Trained(
        encoder=graph,
        network=estimator.network_,
        standardiser=estimator.standardiser_,
        training=training,
        rows=estimator.training_rows_,
        validation_rows=estimator.validation_rows_,
        dreg=str(estimator.schedule),
        epochs=estimator.epochs_,
        activation=in_words(estimator.activation, estimator.degree),
    )


def _fine_tune(task: TextTask, encoder: TextEncoder, split: TextSplit, seed: int, progress: bool) -> _Trained:
    """Train encoder and head together, and put the head onto the embeddings that this leaves."""
    settings = cast("FineTuning", task.head)
    # Fine-tuning changes no tokens; it needs no graph yet.
    before = EncoderGraph(b"", encoder.tokenizer, "", encoder.dimensions, encoder.padding, task.max_tokens)
    training, validation = (_tokens(part, before) for part in (split.training, split.validation))
    tuned = settings.fit(encoder, training, validation, len(task.classes), seed=seed, progress=progress)
    graph = task.graph_of(tuned.encoder)
    embeddings = embed(training.tokens, graph, progress=progress)
    standardiser, network = refit(tuned.standardiser, tuned.network, embeddings)
    return _Trained(
        encoder=graph,
        network=network,
        standardiser=standardiser,
        training=training,
        rows=len(training.labels),
        validation_rows=len(validation.labels),
        dreg=str(settings.dreg),
        epochs=tuned.epochs,
        activation=settings.activation,
    )


def _tokens(texts: Texts, encoder: EncoderGraph) -> LabelledTokens:
    return LabelledTokens(tokenize(texts.texts, encoder), texts.labels)
