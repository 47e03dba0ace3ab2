"""From an encoder and a network trained on its embeddings to a version folder."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from model_export.chainzrule import Network
from model_export.graph.calibration import calibrate_network
from model_export.graph.evaluation import evaluate
from model_export.graph.onnx_writer import export_graph
from model_export.graph.publication import ModelCard, publish
from model_export.graph.scorer import Scores
from model_export.text.composition import compose
from model_export.text.embeddings import embed
from model_export.text.graph import EMBEDDING, EncoderGraph
from model_export.text.tokens import LabelledTokens, run_on_tokens
from model_export.training.standardiser import Standardiser
from service.manifest import TOKENIZER_FILE, JacobianKind, Training


class TextData(NamedTuple):
    """Texts for the three uses that must not share any."""

    training: LabelledTokens
    calibration: LabelledTokens
    test: LabelledTokens


def export_on_texts(
    encoder: EncoderGraph,
    network: Network,
    standardiser: Standardiser,
    data: TextData,
    *,
    repository: Path,
    version: int,
    card: ModelCard,
    classes: tuple[str, ...],
    example: str,
    activation: str,
    training: Training,
    jacobian: JacobianKind = "margin",
    progress: bool = False,
) -> Path:
    """Calibrate, export, verify, join, evaluate and write; return the version folder.

    The signals are those of the network: with respect to the embedding, in its training deviations.

    Args:
        encoder: makes the embeddings, in calibration as in service.
        network: trained on them, with either head.
        standardiser: from embeddings to what the network takes.
        data: what it was trained on, what it is calibrated on and what it is tested on.
        repository: where `<name>/<version>/` goes.
        version: not there yet.
        card: what the model is called and what it is for.
        classes: in the order of the labels; levels in rising order.
        example: a usual text.
        activation: the network's activation in words.
        training: the record of how it was trained.
        jacobian: see `Scorer`.
        progress: draw progress bars.

    Raises:
        DataError: if there are too few calibration texts, or the network has no activation.
        VerificationError: if the graph and the network disagree; nothing is written then.
        ExportError: if the version is there already, or the disk refuses.
    """
    held_out = embed(data.calibration.tokens, encoder, progress=progress)
    calibration = calibrate_network(
        standardiser,
        network,
        embed(data.training.tokens, encoder, progress=progress),
        held_out,
        data.calibration.labels,
        len(classes),
        jacobian,
        card.review_risk,
        card.reject_risk,
    )
    head = export_graph(calibration.scorer, EMBEDDING, held_out.astype(np.float32))
    graph = compose(encoder, head)
    answers: dict[str, Any] = run_on_tokens(graph, data.test.tokens, encoder, "evaluation", progress=progress)
    return publish(
        repository,
        version,
        card,
        classes,
        encoder.input(example),
        calibration,
        network,
        activation,
        training,
        evaluate(Scores(**answers), data.test.labels, data.training.labels),
        graph,
        {TOKENIZER_FILE: encoder.tokenizer},
    )
