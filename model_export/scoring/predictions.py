"""The columns that scoring adds."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model_export.errors import ScoringError
from service.inference.advice import ADVICE, Adviser, strange
from service.inference.model import Scores
from service.inputs import TableInput, text_of
from service.manifest import EXPECTED_LEVEL, Manifest, output_shape, outputs_of

_Make = Callable[[Scores], pa.Array]
_TYPES = {"FP32": np.float32, "INT64": np.int64}


class PredictionColumns:
    """Makes the columns of one model's scores.

    Of each row the predicted class and its probability, of a number the value and its interval; then reliability,
    advice, typicality and whether it is out of distribution, as the service answers them. In detail also every class's
    probability, the Jacobian's norm, the tail ratio, the distance to the boundary, and of tables the sensitivity to
    each feature.

    Args:
        manifest: the model's.
        taken: the names of the files' own columns.
        prefix: what each added name begins with.
        detail: whether to add the further ones.

    Raises:
        ScoringError: if a name is taken.
    """

    def __init__(self, manifest: Manifest, taken: Sequence[str], prefix: str, *, detail: bool) -> None:
        thresholds = manifest.reference.thresholds
        self._advise = Adviser(thresholds)
        self._level = thresholds.out_of_distribution
        makers = self._usual(manifest) | (self._detailed(manifest) if detail else {})
        self._makers = {f"{prefix}{name}": make for name, make in makers.items()}
        self._texts = f"{prefix}truncated" if text_of(manifest.input) is not None else None
        self.empty: Scores = {
            output.name: np.empty((0, *output_shape(output, manifest)), _TYPES[output.datatype])
            for output in outputs_of(manifest)
        }
        """The scores of no rows"""
        self.outputs = self.empty.keys() - (set() if detail else {"sensitivity"})
        """The graph's outputs that are made use of"""
        names = [*self._makers, *([self._texts] if self._texts else [])]
        if clash := next((name for name in names if name in taken), None):
            raise ScoringError(
                f"the files have a column {clash!r} already: have the added ones begin otherwise, say --prefix new_"
            )

    def add(self, table: pa.Table, scores: Scores, truncated: NDArray[np.bool_] | None) -> pa.Table:
        """Return a table [N] with the columns added.

        Args:
            table: the files' own columns.
            scores: of its rows.
            truncated: [N], of texts, which were cut.
        """
        for name, make in self._makers.items():
            table = table.append_column(name, make(scores))
        return table.append_column(self._texts, pa.array(truncated)) if self._texts else table

    def _usual(self, manifest: Manifest) -> dict[str, _Make]:
        if manifest.regression is not None:
            found = {name: _output(name) for name in ("value", "lower", "upper")}
        else:
            classes = pa.array(manifest.classes)
            found = {
                "label": lambda scores: pa.DictionaryArray.from_arrays(
                    pa.array(scores["label"].astype(np.int32)), classes
                ),
                "probability": lambda scores: pa.array(
                    np.take_along_axis(scores["probabilities"], scores["label"][:, None], axis=1)[:, 0]
                ),
            }
        if manifest.task == "ordinal":
            found[EXPECTED_LEVEL.name] = _output(EXPECTED_LEVEL.name)
        advice = pa.array(ADVICE)
        return found | {
            "reliability": _output("reliability"),
            "advice": lambda scores: pa.DictionaryArray.from_arrays(
                pa.array(self._advise(scores["reliability"]).astype(np.int32)), advice
            ),
            "typicality": _output("typicality"),
            "out_of_distribution": lambda scores: pa.array(strange(scores["typicality"], self._level)),
        }

    def _detailed(self, manifest: Manifest) -> dict[str, _Make]:
        found = {
            f"probability_{name}": _output("probabilities", column) for column, name in enumerate(manifest.classes)
        }
        if manifest.regression is None:
            found["boundary_distance"] = _output("boundary_distance")
        found |= {name: _output(name) for name in ("jacobian_norm", "tail_ratio")}
        if isinstance(manifest.input, TableInput):
            names = manifest.input.names
            found |= {f"sensitivity_{name}": _output("sensitivity", column) for column, name in enumerate(names)}
        return found


def _output(name: str, column: int | None = None) -> _Make:
    """Return what takes an output, or one column of it, as it is."""
    return lambda scores: pa.array(scores[name] if column is None else scores[name][:, column])
