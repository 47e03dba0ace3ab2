"""The contract between the halves: what a version folder says of its model.

The exporter writes a `Manifest` beside the graph and the service reads it; neither needs to know more of the other.
It needs pydantic and nothing else.
"""

from typing import Annotated, Final, Literal, NamedTuple
from unicodedata import category

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

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
    missing_ratio: float = Field(ge=0, le=1, description="share of the training rows without a value")
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
