"""The contract between the halves: what a version folder says of its model.

The exporter writes a `Manifest` beside the graph and the service reads it; neither needs to know more of the other.
It needs pydantic and nothing else.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple
from unicodedata import category

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from service.errors import InvalidModelError

SCHEMA_VERSION: Final = 1
MANIFEST_FILE: Final = "manifest.json"
MODEL_FILE: Final = "model.onnx"

JacobianKind = Literal["full", "margin"]
ModelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Output(NamedTuple):
    """One output of every graph."""

    name: str
    datatype: str
    axes: tuple[str, ...]
    """What each dimension after the batch counts: "class" or "feature"."""
    meaning: str


OUTPUTS: Final = (
    Output("label", "INT64", (), "index of the predicted class"),
    Output("probabilities", "FP32", ("class",), "temperature-calibrated probability of each class"),
    Output(
        "jacobian_norm",
        "FP32",
        (),
        "norm of the Jacobian by the standardised input: all logits' rows, or the margin's, as `jacobian` says",
    ),
    Output("tail_ratio", "FP32", (), "jacobian_norm over its mean on the calibration rows"),
    Output(
        "boundary_distance",
        "FP32",
        (),
        "first-order distance, in training standard deviations, to the nearest other class; "
        "to the runner-up, where `jacobian` is margin",
    ),
    Output(
        "typicality",
        "FP32",
        (),
        "conformal p-value of the row's Jacobian signature among held-out rows: small where the model was not trained",
    ),
    Output(
        "reliability",
        "FP32",
        (),
        "calibrated probability that the label is right, pulled towards a mere guess the stranger the signature",
    ),
    Output(
        "sensitivity",
        "FP32",
        ("feature",),
        "gradient of the margin between label and runner-up, per training standard deviation of each feature",
    ),
)
"""The outputs of `model.onnx`, in order. Each starts with the batch dimension."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _sayable(name: str) -> str:
    """Refuse a name that nobody could read in an answer."""
    if not name.strip() or any(category(character) == "Cc" for character in name):
        raise ValueError(f"{name!r} is no name: it must not be blank and must hold no control character")
    return name


def _writable(name: str) -> str:
    """Refuse what JSON has to escape: the decoder of rows by name cannot be compiled for it."""
    if '"' in name or "\\" in name:
        raise ValueError(f"{name!r} holds a quotation mark or a backslash: rename the column, and export it again")
    return name


ClassName = Annotated[str, AfterValidator(_sayable)]
FeatureName = Annotated[ClassName, AfterValidator(_writable)]


class Feature(_Part):
    """One number a client sends, in the unit it was trained in."""

    name: FeatureName
    unit: str | None = None
    minimum: float = Field(description="smallest known value among the training rows")
    maximum: float = Field(description="largest known value among the training rows")
    mean: float = Field(description="mean of the known training values; stands in for a missing one")
    standard_deviation: float = Field(gt=0, description="one unit of sensitivity and boundary_distance")
    may_be_missing: bool = Field(description="whether null is accepted")
    example: float = Field(description="a usual value, the training median")


def _once(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a name that stands twice: answers are objects by name."""
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"each name may stand once, and {', '.join(sorted(twice))} stands more often")
    return names


def _named_once(features: tuple[Feature, ...]) -> tuple[Feature, ...]:
    _once(tuple(feature.name for feature in features))
    return features


class TableInput(_Part):
    """Rows of numbers, sent by feature name or as lists in this order; one FP32 tensor [N, features] in the graph."""

    kind: Literal["table"] = "table"
    tensor: str = "features"
    features: Annotated[tuple[Feature, ...], AfterValidator(_named_once)] = Field(min_length=1)
    clamp: float = Field(gt=0, description="features count as at most this many standard deviations from the mean")

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in the tensor's order."""
        return tuple(feature.name for feature in self.features)


class Network(_Part):
    """The architecture, for a reader."""

    widths: tuple[int, ...]
    activation: str
    parameters: int


class Level(_Part):
    """A level of `reliability` and what it promises.

    Of the rows whose reliability is at or above `score`, at most the share `risk` is wrong. That holds with probability
    `confidence` over the draw of the calibration rows, for rows drawn as these were; shifted data are promised nothing.
    """

    score: float | None = Field(ge=0, le=1, description="null where no level could be promised: no row can meet it")
    risk: float = Field(gt=0, lt=1, description="largest share of wrong labels at or above the level, as promised")
    confidence: float = Field(gt=0, lt=1, description="probability that the promise is kept")
    rows: int = Field(ge=0, description="calibration rows it was tested on; the score was fitted without them")
    coverage: float = Field(ge=0, le=1, description="share of these rows at or above the level")
    observed_risk: float | None = Field(
        ge=0, le=1, description="share of wrong labels among these rows at or above the level; null where none is"
    )


class OutOfDistribution(_Part):
    """A level of `typicality` and what it promises."""

    typicality: float = Field(gt=0, lt=1, description="a row at or below it counts as out of distribution")
    false_alarm_rate: float = Field(
        gt=0,
        lt=1,
        description="a row drawn as the calibration rows were is taken for out of distribution with at most this "
        "probability, on average over draws of the calibration rows",
    )


class Thresholds(_Part):
    """What to do with a row, by the task's levels; each is promised by itself."""

    review: Level = Field(description="at or above it an answer may be acted on unattended; below it, someone looks")
    reject: Level = Field(
        description="below it an answer is not to be used; its promise includes the rows above review"
    )
    out_of_distribution: OutOfDistribution


class Reference(_Part):
    """What the signals are measured against: held-out calibration rows, never trained on.

    What makes up reliability is fitted to those of them that its levels are not tested on; all else to every one.
    """

    rows: int
    jacobian_norm: float = Field(description="mean ‖J‖; for several class pairs, over all of them")
    tail_ratio: float = Field(description="τ = p99(‖J‖) / mean(‖J‖)")
    temperature: float
    smallest_typicality: float = Field(description="the floor of the p-value, 1 / (rows + 1)")
    reliability_weights: tuple[float, float, float] = Field(
        description="a, b and chance: reliability = chance + (σ(a + b·log-odds of the top probability) − chance)·w; "
        "w is 1 for usual rows and falls to 0 the stranger a row's signature is"
    )
    thresholds: Thresholds


class Training(_Part):
    """How the network was made."""

    data: str
    rows: int
    validation_rows: int
    seed: int
    dreg: str = Field(description="DREG's λ over training")
    epochs: int


class Evaluation(_Part):
    """How the exported graph does on test rows that no choice was made by."""

    rows: int
    accuracy: float
    majority_accuracy: float = Field(description="of always naming the commonest training class")
    log_loss: float
    mean_reliability: float = Field(description="to be compared with accuracy")
    error_auroc: float | None = Field(
        description="chance that a wrong row has lower reliability than a right one; null where none is wrong"
    )
    typicality_below_0_05: float = Field(description="share of rows; about 0.05 when calibrated")
    tail_ratio: float


class Manifest(_Part):
    """`manifest.json`."""

    schema_version: Literal[1] = SCHEMA_VERSION
    name: ModelName
    version: int = Field(ge=1)
    task: Literal["classification"] = "classification"
    description: str
    classes: Annotated[tuple[ClassName, ...], AfterValidator(_once)] = Field(min_length=2)
    input: TableInput
    jacobian: JacobianKind
    network: Network
    reference: Reference
    training: Training
    evaluation: Evaluation
    files: dict[str, Sha256] = Field(description="every other file of the folder")


def output_shape(output: Output, manifest: Manifest) -> tuple[int, ...]:
    """Return the shape of `output` without its batch dimension."""
    counts = {"class": len(manifest.classes), "feature": len(manifest.input.features)}
    return tuple(counts[axis] for axis in output.axes)


def digest(file: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_manifest(folder: Path, max_bytes: int | None = None) -> Manifest:
    """Return the manifest of a version folder whose files are all there and unaltered.

    Args:
        folder: the version folder.
        max_bytes: the most its files may hold together, None for any amount.

    Raises:
        InvalidModelError: if the manifest is missing, unreadable or of another schema version, or a file is missing,
            altered, a link, not listed, or too large.
    """
    path = folder / MANIFEST_FILE
    try:
        _check_sizes(folder, max_bytes)
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InvalidModelError(folder, f"it has no {MANIFEST_FILE}: export the model again") from None
    except OSError as error:
        raise InvalidModelError(folder, f"its files cannot be read: {error}", passing=True) from None
    except (ValueError, RecursionError) as error:
        raise InvalidModelError(folder, f"its {MANIFEST_FILE} cannot be read: {error}") from None
    found = content.get("schema_version") if isinstance(content, dict) else None
    if found != SCHEMA_VERSION:
        raise InvalidModelError(
            folder,
            f"its manifest has schema version {found!r} and this release reads {SCHEMA_VERSION}: "
            "export the model again with this release, or serve it with the one that made it",
        )
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise InvalidModelError(folder, f"its manifest does not fit the schema: {faults}") from None
    try:
        _check_files(folder, manifest)
    except OSError as error:
        raise InvalidModelError(folder, f"its files cannot be read: {error}", passing=True) from None
    return manifest


def read_file(folder: Path, manifest: Manifest, name: str) -> bytes:
    """Return the content of a listed file, if it is still what the manifest says.

    Raises:
        InvalidModelError: if it was altered since the manifest was read, or cannot be read.
    """
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise InvalidModelError(folder, f"{name} cannot be read: {error}", passing=True) from None
    if hashlib.sha256(content).hexdigest() != manifest.files[name]:
        raise InvalidModelError(folder, f"{name} was altered while it was read")
    return content


def _check_sizes(folder: Path, max_bytes: int | None) -> None:
    """Refuse links, folders and too much before anything is read."""
    total = 0
    for file in folder.iterdir():
        if file.is_symlink() or not file.is_file():
            raise InvalidModelError(folder, f"{file.name} is not a plain file")
        total += file.stat().st_size
    if max_bytes is not None and total > max_bytes:
        raise InvalidModelError(folder, f"its files hold {total} bytes, more than the {max_bytes} of max_model_bytes")


def _check_files(folder: Path, manifest: Manifest) -> None:
    if MODEL_FILE not in manifest.files:
        raise InvalidModelError(folder, f"its manifest lists no {MODEL_FILE}")
    present = {entry.name for entry in folder.iterdir()} - {MANIFEST_FILE}
    if missing := manifest.files.keys() - present:
        raise InvalidModelError(folder, f"{', '.join(sorted(missing))} is missing: was the folder copied whole?")
    if unlisted := present - manifest.files.keys():
        raise InvalidModelError(folder, f"{', '.join(sorted(unlisted))} is not in its manifest: remove it")
    for name, expected in manifest.files.items():
        if digest(folder / name) != expected:
            raise InvalidModelError(folder, f"{name} has been altered: its SHA-256 is not the manifest's")
