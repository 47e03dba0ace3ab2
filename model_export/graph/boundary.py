"""The number whose gradient `sensitivity` is, recovered from the probabilities that a graph answers with."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from service.inference.model import Scores
from service.manifest import Manifest

_SMALLEST_OF_SIGMOID, _SMALLEST_OF_SOFTMAX = 1e-3, 1e-20
"""The smaller share above which its logarithm says what the margin is.

Shares of two classes, and of levels, may be sigmoids, which onnxruntime computes to 6e-8, and no smaller than that. A
softmax is right to a few digits of its own size, until float32 runs out at 1e-38.
"""


class Value:
    """The number of a regression: what `Boundary` is for classes, for values [N, 1] in the place of probabilities."""

    def of(self, _rows: NDArray[np.int64]) -> Self:
        """Return the same for some of the rows."""
        return self

    def clear(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return for each row [N] that its value is there."""
        return np.ones(len(values), dtype=np.bool_)

    def margin(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values [N]."""
        return values[:, 0]


class Boundary(NamedTuple):
    """The boundary nearest to each row, as two sets of classes, bool [N, K] each, whose shares are compared there.

    Of classes they are the label and the runner-up; of levels all that are above the threshold whose share is nearest
    to one half, and all below it.
    """

    above: NDArray[np.bool_]
    below: NDArray[np.bool_]
    temperature: float
    smallest: float

    @classmethod
    def nearest(cls, manifest: Manifest, probabilities: NDArray[np.float64]) -> Self:
        """Return the boundary of rows with such probabilities [N, K]."""
        classes = np.arange(probabilities.shape[1])
        temperature = manifest.reference.temperature
        if manifest.task == "ordinal":
            nearest = np.abs(shares_above(probabilities) - 0.5).argmin(1)
            above = classes > nearest[:, None]
            return cls(above, ~above, temperature, _SMALLEST_OF_SIGMOID)
        label, runner_up = likeliest(probabilities)
        smallest = _SMALLEST_OF_SIGMOID if len(classes) == 2 else _SMALLEST_OF_SOFTMAX
        return cls(classes == label[:, None], classes == runner_up[:, None], temperature, smallest)

    def of(self, rows: NDArray[np.int64]) -> Self:
        """Return the boundary of some of the rows."""
        return self._replace(above=self.above[rows], below=self.below[rows])

    def smaller_share(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the smaller of the two shares [N]."""
        return np.minimum(*self._shares(probabilities))

    def clear(self, probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return for each row [N] whether its margin can be recovered: it cannot where a share is all but 0."""
        clear: NDArray[np.bool_] = self.smaller_share(probabilities) > self.smallest
        return clear

    def margin(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return f_label − f_runner-up [N], or f − θ of levels, which is negative where the label is below θ."""
        above, below = (np.log(np.maximum(share, 1e-30)) for share in self._shares(probabilities))
        margin: NDArray[np.float64] = self.temperature * (above - below)
        return margin

    def _shares(self, probabilities: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return (probabilities * self.above).sum(1), (probabilities * self.below).sum(1)


def sensed(manifest: Manifest, scores: Scores) -> tuple[Boundary | Value, NDArray[np.float64]]:
    """Return whose gradient the sensitivity of some rows is, and what of the rows' outputs it is read from."""
    said = answers(scores)
    return (Value() if manifest.task == "regression" else Boundary.nearest(manifest, said)), said


def answers(scores: Scores) -> NDArray[np.float64]:
    """Return the probabilities [N, K], or the values as a column."""
    said = scores["probabilities"] if "probabilities" in scores else scores["value"][:, None]
    return said.astype(np.float64)


def likeliest(probabilities: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the likeliest class of each row and the second likeliest, [N] each."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    return order[:, 0], order[:, 1]


def shares_above(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return P(level > k) [N, K − 1] for each k but the last."""
    above: NDArray[np.float64] = probabilities[:, :0:-1].cumsum(1)[:, ::-1]
    return above
