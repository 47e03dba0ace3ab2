"""What every task tells of its model, put together into a version folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model_export.chainzrule import CumulativeHead, Network
from model_export.graph.calibration import Calibration
from model_export.graph.regression.calibration import RegressionCalibration
from model_export.graph.version_folder import write_version
from model_export.reliability.thresholds import REJECT_RISK, REVIEW_RISK
from service.inputs import Input
from service.manifest import MODEL_FILE, Evaluation, Manifest, Training
from service.manifest import Network as NetworkRecord


@dataclass(frozen=True)
class ModelCard:
    """What a person says of a model before it is trained.

    Args:
        name: of the task and its model.
        description: one line for the manifest.
        data: the data set, as the manifest names it.
        review_risk: largest share of wrong answers among those that nobody looks at.
        reject_risk: the same among all that are used, looked at or not. Both are set before anything is trained.
    """

    name: str
    description: str
    data: str
    review_risk: float = REVIEW_RISK
    reject_risk: float = REJECT_RISK


def publish(
    repository: Path,
    version: int,
    card: ModelCard,
    classes: tuple[str, ...],
    inputs: Input,
    calibration: Calibration | RegressionCalibration,
    network: Network,
    activation: str,
    training: Training,
    evaluation: Evaluation,
    graph: bytes,
    files: Mapping[str, bytes] | None = None,
) -> Path:
    """Write a version folder and return it.

    Args:
        repository: where `<name>/<version>/` goes.
        version: not there yet.
        card: what the model is called and what it is for.
        classes: in the order of the logits; levels in rising order; none of a regression.
        inputs: what clients send.
        calibration: of the network.
        network: as it was trained, for its words and its number of parameters.
        activation: its activation in words.
        training: the record.
        evaluation: of `graph` on test rows.
        graph: verified.
        files: further ones beside the graph, by name.

    Raises:
        ExportError: if the version is there already, or the disk refuses.
    """
    regression = calibration.regression if isinstance(calibration, RegressionCalibration) else None
    levels = isinstance(network.head, CumulativeHead)
    manifest = Manifest(
        name=card.name,
        version=version,
        task="regression" if regression else "ordinal" if levels else "classification",
        description=card.description,
        classes=classes,
        input=inputs,
        jacobian=calibration.scorer.jacobian,
        network=NetworkRecord(
            layers=network.words,
            activation=activation,
            parameters=sum(parameter.numel() for parameter in network.parameters()),
        ),
        reference=calibration.reference,
        training=training,
        evaluation=evaluation,
        files={},
        regression=regression,
    )
    return write_version(repository, manifest, {MODEL_FILE: graph, **(files or {})})
