"""What a manifest says of a model of numbers beside what it says of every model."""

from pydantic import Field

from service.inputs import Part


class Regression(Part):
    """What a model of numbers predicts, and what its interval promises.

    The truth lies within value ± quantile · difficulty with a probability of at least `coverage`, over the draw of the
    calibration rows and of a row drawn as these were (split conformal prediction). It is promised of no single row and
    of no chosen group of rows, and not of shifted data. A row's difficulty is how large its error is to be expected, in
    the target's unit, by the derivatives of the last hidden layer; it was fitted to the training rows.
    """

    target: str
    unit: str | None = None
    minimum: float = Field(description="smallest training target")
    maximum: float = Field(description="largest training target")
    mean: float = Field(description="of the training targets")
    standard_deviation: float = Field(ge=0, description="of the training targets")
    tolerance: float = Field(
        gt=0,
        description="a value counts as right if it is off by at most this, in the target's unit: what reliability, its "
        "levels and accuracy are about; half the standard deviation unless it was set",
    )
    coverage: float = Field(gt=0, lt=1, description="share of truths within their intervals, as promised")
    quantile: float = Field(gt=0, description="half an interval's width over the row's difficulty")
    least_difficulty: float = Field(gt=0, description="no row has less, in the target's unit")
    greatest_difficulty: float = Field(
        gt=0,
        description="no row has more; as large as the least where nothing told rows apart, and then all intervals are "
        "as wide",
    )


class RegressionEvaluation(Part):
    """How a graph's values and intervals do on test rows."""

    root_mean_squared_error: float
    mean_absolute_error: float
    r2: float | None = Field(description="share of the test targets' variance explained; null where they have none")
    coverage: float = Field(description="share of truths within their intervals; to be compared with the promised one")
    mean_width: float = Field(description="of the intervals")
    interval_score: float = Field(
        description="mean width, and for each truth outside 2 / (1 − coverage) times how far outside it is; smaller is "
        "better"
    )
    constant_interval_score: float = Field(
        description="the same of intervals of one width, the quantile of all calibration rows' errors"
    )
