"""From a trained network of the library's layers to a version folder, whatever the network."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.chainzrule import Network
from model_export.graph.calibration import calibrate_network
from model_export.graph.evaluation import evaluate, run_graph, run_outputs
from model_export.graph.onnx_writer import export_graph
from model_export.graph.publication import ModelCard, publish
from model_export.graph.regression.calibration import Measured, Target, calibrate_regression
from model_export.graph.regression.evaluation import evaluate_regression
from model_export.graph.regression.scorer import RegressionScores
from model_export.text.composition import compose, compose_beside
from model_export.text.graph import EncoderGraph
from model_export.training.standardiser import InputStandardiser
from service.inputs import Input, TextInput
from service.manifest import TOKENIZER_FILE, JacobianKind, Training

_SIGNATURE_ROWS = 20_000
"""Training rows that the signature is fitted to, at most: it has no more parameters than these can settle."""


class Labelled(NamedTuple):
    """Raw rows, as clients will send them, with their classes."""

    rows: NDArray[Any]
    """tables float [N, features], NaN where a value is missing, and [N, features + D] with a text's embedding behind;
    embeddings of texts alone float [N, D]; images uint8 [N, height, width, channels]"""
    codes: NDArray[np.int64]
    """indices of classes, or levels counted from 0, [N]"""


class Data(NamedTuple):
    """Rows for the three uses that must not share any."""

    training: Labelled
    calibration: Labelled
    test: Labelled


def export(
    network: Network,
    standardiser: InputStandardiser,
    data: Data,
    *,
    repository: Path,
    version: int,
    card: ModelCard,
    classes: tuple[str, ...],
    inputs: Input,
    activation: str,
    training: Training,
    encoder: EncoderGraph | None = None,
    jacobian: JacobianKind = "margin",
) -> Path:
    """Calibrate, export, verify, evaluate and write a network; return its version folder.

    Args:
        network: trained, any composition of the library's layers and either head.
        standardiser: from raw rows to what the network takes.
        data: what it was trained on, what it is calibrated on and what it is tested on.
        repository: where `<name>/<version>/` goes.
        version: not there yet.
        card: what the model is called and what it is for.
        classes: in the order of the codes; levels in rising order.
        inputs: what clients send.
        activation: the network's activation in words.
        training: the record of how it was trained.
        encoder: of texts, if there are any: what made the embeddings in the rows, to stand before them in the graph.
        jacobian: see `Scorer`.

    Raises:
        DataError: if there are too few calibration rows, or the network has no activation.
        VerificationError: if the graph and the network disagree; nothing is written then.
        ExportError: if the version is there already, or the disk refuses.
    """
    calibration = calibrate_network(
        standardiser,
        network,
        _some(data.training.rows, training.seed),
        data.calibration.rows,
        data.calibration.codes,
        len(classes),
        jacobian,
        card.review_risk,
        card.reject_risk,
    )
    head = export_graph(calibration.scorer, _tensor(inputs), _as_sent(data.calibration.rows))
    scores = run_graph(head, _as_sent(data.test.rows))
    return publish(
        repository,
        version,
        card,
        classes,
        inputs,
        calibration,
        network,
        activation,
        training,
        evaluate(scores, data.test.codes, data.training.codes),
        *_whole(head, inputs, encoder),
    )


class RegressionData(NamedTuple):
    """The same three uses, of rows with a number each."""

    training: Measured
    calibration: Measured
    test: Measured


def export_regression(
    network: Network,
    standardiser: InputStandardiser,
    data: RegressionData,
    target: Target,
    *,
    repository: Path,
    version: int,
    card: ModelCard,
    inputs: Input,
    activation: str,
    training: Training,
    encoder: EncoderGraph | None = None,
) -> Path:
    """Calibrate, export, verify, evaluate and write a network of one output; return its version folder.

    Args:
        network: trained, any composition of the library's layers and a linear head to the target in its own unit.
        standardiser: from raw rows to what the network takes.
        data: what it was trained on, what it is calibrated on and what it is tested on.
        target: what is predicted.
        repository: where `<name>/<version>/` goes.
        version: not there yet.
        card: what the model is called and what it is for; right and wrong in its risks are by the target's tolerance.
        inputs: what clients send.
        activation: the network's activation in words.
        training: the record of how it was trained.
        encoder: of texts, if there are any: what made the embeddings in the rows, to stand before them in the graph.

    Raises:
        DataError: if there are too few calibration rows, or the network has no activation.
        VerificationError: if the graph and the network disagree; nothing is written then.
        ExportError: if the version is there already, or the disk refuses.
    """
    some = _chosen(len(data.training.rows), training.seed)
    calibration = calibrate_regression(
        standardiser,
        network,
        Measured(data.training.rows[some], data.training.targets[some]),
        data.calibration,
        target,
        (card.review_risk, card.reject_risk),
    )
    head = export_graph(calibration.scorer, _tensor(inputs), _as_sent(data.calibration.rows))
    tested, held_out = (
        RegressionScores(**run_outputs(head, _as_sent(part.rows))) for part in (data.test, data.calibration)
    )
    return publish(
        repository,
        version,
        card,
        (),
        inputs,
        calibration,
        network,
        activation,
        training,
        evaluate_regression(tested, data.test, (held_out, data.calibration), calibration.regression),
        *_whole(head, inputs, encoder),
    )


def _tensor(inputs: Input) -> str:
    """Return what the rows are called that a network's own graph takes."""
    return inputs.embedding if isinstance(inputs, TextInput) else inputs.tensor


def _whole(head: bytes, inputs: Input, encoder: EncoderGraph | None) -> tuple[bytes, dict[str, bytes]]:
    """Return the graph that is served, and the files that go with it."""
    if encoder is None:
        return head, {}
    join = compose if isinstance(inputs, TextInput) else compose_beside
    return join(encoder, head), {TOKENIZER_FILE: encoder.tokenizer}


def _some(rows: NDArray[Any], seed: int) -> NDArray[Any]:
    """Return as many of the rows as the signature needs."""
    some: NDArray[Any] = rows[_chosen(len(rows), seed)]
    return some


def _chosen(rows: int, seed: int) -> slice | NDArray[np.int64]:
    """Return the indices of as many rows as the signature needs."""
    if rows <= _SIGNATURE_ROWS:
        return slice(None)
    return np.random.default_rng(seed).permutation(rows)[:_SIGNATURE_ROWS]


def _as_sent(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows in the type that a graph takes them in."""
    return rows if rows.dtype == np.uint8 else rows.astype(np.float32)
