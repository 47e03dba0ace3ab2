"""The contract between the halves: what a version folder says of its model.

The exporter writes a `Manifest` beside the graph and the service reads it; neither needs to know more of the other.
It needs pydantic and nothing else.
"""

from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from service.inputs import ClassName, Input, Part, TableInput, once
from service.regression import Regression, RegressionEvaluation

SCHEMA_VERSION: Final = 1
MANIFEST_FILE: Final = "manifest.json"
MODEL_FILE: Final = "model.onnx"
TOKENIZER_FILE: Final = "tokenizer.json"

JacobianKind = Literal["full", "margin"]
ModelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def _is_none(value: object) -> bool:
    """Return whether a field is left out: a manifest that has no use for it is as those before it was there."""
    return value is None


class Output(NamedTuple):
    """One output of every graph."""

    name: str
    datatype: str
    axes: tuple[str, ...]
    """What each dimension after the batch counts: "class", or "input" for as many as the input's gradient has."""
    meaning: str


OUTPUTS: Final = (
    Output("label", "INT64", (), "index of the predicted class; of an ordinal model the median level"),
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
        ("input",),
        "gradient of the margin between label and runner-up, per training standard deviation of each feature; "
        "of an ordinal model, of what its level rises with",
    ),
)
"""The outputs of every `model.onnx`, in order. Each starts with the batch dimension."""

EXPECTED_LEVEL: Final = Output(
    "expected_level", "FP32", (), "mean of the distribution over levels, which are counted from 0 as label does"
)
"""One more, of an ordinal model."""

REGRESSION_OUTPUTS: Final = (
    Output("value", "FP32", (), "the number predicted, in the target's unit"),
    Output(
        "lower", "FP32", (), "lower end of the prediction interval, which has the coverage that the manifest states"
    ),
    Output("upper", "FP32", (), "upper end of it"),
    Output(
        "jacobian_norm",
        "FP32",
        (),
        "norm of the value's gradient by the standardised input, in the target's unit",
    ),
    *(output for output in OUTPUTS if output.name in {"tail_ratio", "typicality"}),
    Output(
        "reliability",
        "FP32",
        (),
        "calibrated probability that the value is within the manifest's tolerance of the truth, pulled towards that of "
        "a constant the stranger the signature",
    ),
    Output(
        "sensitivity",
        "FP32",
        ("input",),
        "gradient of the value, in the target's unit, per training standard deviation of each feature",
    ),
)
"""The outputs of a regression model, in order, in the place of `OUTPUTS`."""


class Network(Part):
    """The architecture, for a reader."""

    layers: tuple[str, ...] = Field(description="each in words, from the input to the head")
    activation: str
    parameters: int


class Level(Part):
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


class OutOfDistribution(Part):
    """A level of `typicality` and what it promises."""

    typicality: float = Field(gt=0, lt=1, description="a row at or below it counts as out of distribution")
    false_alarm_rate: float = Field(
        gt=0,
        lt=1,
        description="a row drawn as the calibration rows were is taken for out of distribution with at most this "
        "probability, on average over draws of the calibration rows",
    )


class Thresholds(Part):
    """What to do with a row, by the task's levels; each is promised by itself."""

    review: Level = Field(description="at or above it an answer may be acted on unattended; below it, someone looks")
    reject: Level = Field(
        description="below it an answer is not to be used; its promise includes the rows above review"
    )
    out_of_distribution: OutOfDistribution


class Reference(Part):
    """What the signals are measured against: held-out calibration rows, never trained on.

    What makes up reliability is fitted to those of them that its levels are not tested on; all else to every one.
    """

    rows: int
    jacobian_norm: float = Field(description="mean ‖J‖; for several class pairs, over all of them")
    tail_ratio: float = Field(description="τ = p99(‖J‖) / mean(‖J‖)")
    temperature: float = Field(description="of the probabilities; 1 of a regression, which has none")
    smallest_typicality: float = Field(description="the floor of the p-value, 1 / (rows + 1)")
    reliability_weights: tuple[float, float, float] = Field(
        description="a, b and chance: reliability = chance + (σ(a + b·log-odds of the label's probability) − chance) "
        "times w, which is 1 for usual rows and falls to 0 the stranger a row's signature is; of a regression, with "
        "log(tolerance / difficulty) for the log-odds"
    )
    thresholds: Thresholds


class Training(Part):
    """How the network was made."""

    data: str
    rows: int
    validation_rows: int
    seed: int
    dreg: str = Field(description="DREG's λ over training")
    epochs: int


class Evaluation(Part):
    """How the exported graph does on test rows that no choice was made by."""

    rows: int
    accuracy: float = Field(description="share of rows answered rightly; of a regression, within the tolerance")
    majority_accuracy: float = Field(
        description="of always naming the commonest training class; of a regression, the mean training target"
    )
    log_loss: float = Field(description="of the probabilities; of a regression, of reliability")
    mean_absolute_error: float | None = Field(None, description="of ordinal models: of the label, in levels")
    mean_reliability: float = Field(description="to be compared with accuracy")
    error_auroc: float | None = Field(
        description="chance that a wrong row has lower reliability than a right one; null where none is wrong"
    )
    typicality_below_0_05: float = Field(description="share of rows; about 0.05 when calibrated")
    tail_ratio: float
    regression: RegressionEvaluation | None = Field(None, exclude_if=_is_none, description="of a regression")


class Manifest(Part):
    """`manifest.json`."""

    schema_version: Literal[1] = SCHEMA_VERSION
    name: ModelName
    version: int = Field(ge=1)
    task: Literal["classification", "ordinal", "regression"] = Field(
        "classification", description="ordinal: the classes are levels, in rising order; regression: there are none"
    )
    description: str
    classes: Annotated[tuple[ClassName, ...], AfterValidator(once)]
    input: Input
    jacobian: JacobianKind
    network: Network
    reference: Reference
    training: Training
    evaluation: Evaluation
    files: dict[str, Sha256] = Field(description="every other file of the folder")
    regression: Regression | None = Field(None, exclude_if=_is_none, description="of a regression")

    @model_validator(mode="after")
    def _one_task(self) -> Self:
        numbers = self.task == "regression"
        if numbers and (self.classes or self.regression is None or self.evaluation.regression is None):
            raise ValueError("a regression has no classes, and says what it predicts and how well")
        if not numbers and (len(self.classes) < 2 or self.regression is not None):
            raise ValueError("a model of classes has at least two, and no regression")
        return self

    @property
    def predicted(self) -> Regression:
        """What a regression predicts.

        Raises:
            TypeError: if the model is none.
        """
        if self.regression is None:
            raise TypeError(f"{self.name} predicts no number but one of {len(self.classes)} classes")
        return self.regression

    @property
    def table(self) -> TableInput:
        """The input of a model of tables.

        Raises:
            TypeError: if the model takes something else.
        """
        if not isinstance(self.input, TableInput):
            raise TypeError(f"{self.name} takes no table but {self.input.kind}s")
        return self.input


def outputs_of(manifest: Manifest) -> tuple[Output, ...]:
    """Return the outputs of the manifest's graph, in order."""
    match manifest.task:
        case "classification":
            return OUTPUTS
        case "ordinal":
            return (*OUTPUTS, EXPECTED_LEVEL)
        case "regression":
            return REGRESSION_OUTPUTS


def output_shape(output: Output, manifest: Manifest) -> tuple[int, ...]:
    """Return the shape of `output` without its batch dimension."""
    sizes = {"class": (len(manifest.classes),), "input": manifest.input.gradient_shape}
    return tuple(size for axis in output.axes for size in sizes[axis])
