"""The friendly protocol's answers: predictions, their reliability beside them, of models of every kind."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from service.inference.advice import advise, strange
from service.inference.model import Scores
from service.inputs import CategoricalFeature, TableInput, TextInput
from service.manifest import EXPECTED_LEVEL, Manifest

_ROWS_A_PIECE, _VALUES_A_PIECE = 256, 32_768
"""At most so much is written at a time; a thousand rows take some 20 ms, and health must not wait so long."""

WITH_RESPECT_TO: Final = {"text": "sentence embedding", "image": "pixels"}
"""What the signals are derivatives by, where it is not the numbers that the client sent."""


_NOTHING: Final[dict[str, Any]] = {}


class PredictionWriter:
    """Writes `{"predictions": [...]}` for one model.

    Args:
        manifest: the model's.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        features = manifest.input.features if isinstance(manifest.input, TableInput) else ()
        self._categorical = [feature.name for feature in features if isinstance(feature, CategoricalFeature)]

    def write(
        self,
        scores: Scores,
        name: str | None,
        *,
        sensitivity: bool,
        altered: NDArray[np.bool_] | None = None,
        unseen: NDArray[np.bool_] | None = None,
    ) -> Iterator[bytes]:
        """Yield the answer's JSON, in pieces none of which takes long to make.

        Args:
            scores: of the rows asked.
            name: the answer's id, where it has one.
            sensitivity: whether to write each row's.
            altered: which of the texts were cut, all whole where it is None; of no use for other models.
            unseen: where rows have an unseen category [N, categorical features]; None of models without categories.
        """
        manifest = self._manifest
        head = {"model_name": manifest.name, "model_version": str(manifest.version)}
        if name is not None:
            head["id"] = name
        yield orjson.dumps(head)[:-1] + b',"predictions":['
        if not isinstance(manifest.input, TextInput):
            altered = None
        elif altered is None:
            altered = np.zeros(len(scores["label"]), np.bool_)
        gradient = int(np.prod(manifest.input.gradient_shape)) if sensitivity else 0
        parts = sensitivity and gradient > _VALUES_A_PIECE and not isinstance(manifest.input, TableInput)
        rows = len(scores["label"])
        values = len(manifest.classes) + (0 if parts else gradient)
        step = 1 if parts else max(min(_ROWS_A_PIECE, _VALUES_A_PIECE // values), 1)
        for start in range(0, rows, step):
            part = slice(start, start + step)
            predictions = self._predictions(
                {name: values[part] for name, values in scores.items()},
                None if altered is None else altered[part],
                None if unseen is None else unseen[part],
                sensitivity=sensitivity and not parts,
            )
            piece = orjson.dumps(predictions, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
            if parts:
                # What is left out comes last, so that it can be added in front of the two closing brackets.
                yield piece[:-2] + b',"sensitivity":['
                yield from _in_parts(scores["sensitivity"][start])
                piece = b"]}}"
            yield piece + (b"," if part.stop < rows else b"]}")

    def _predictions(
        self,
        scores: Scores,
        altered: NDArray[np.bool_] | None,
        unseen: NDArray[np.bool_] | None,
        *,
        sensitivity: bool,
    ) -> list[dict[str, Any]]:
        manifest = self._manifest
        classes, thresholds = manifest.classes, manifest.reference.thresholds
        rows = zip(
            scores["label"].tolist(),
            scores["probabilities"],
            self._particulars(scores, altered),
            scores["reliability"],
            advise(scores["reliability"], thresholds),
            scores["typicality"],
            strange(scores["typicality"], thresholds.out_of_distribution).tolist(),
            scores["boundary_distance"],
            scores["jacobian_norm"],
            scores["tail_ratio"],
            strict=True,
        )
        by = {} if isinstance(manifest.input, TableInput) else {"with_respect_to": WITH_RESPECT_TO[manifest.input.kind]}
        predictions = [
            {
                "label": classes[label],
                "probabilities": dict(zip(classes, probabilities, strict=True)),
                **particulars,
                "reliability": {
                    "score": score,
                    "advice": advice,
                    "typicality": typicality,
                    "out_of_distribution": out_of_distribution,
                    "boundary_distance": boundary_distance,
                    "jacobian_norm": jacobian_norm,
                    "tail_ratio": tail_ratio,
                    **by,
                },
            }
            for (
                label,
                probabilities,
                particulars,
                score,
                advice,
                typicality,
                out_of_distribution,
                boundary_distance,
                jacobian_norm,
                tail_ratio,
            ) in rows
        ]
        if unseen is not None:
            for prediction, marks in zip(predictions, unseen, strict=True):
                prediction["reliability"]["unseen"] = [self._categorical[place] for place in np.flatnonzero(marks)]
        if sensitivity:
            gradients = zip(predictions, self._sensitivities(scores["sensitivity"]), strict=True)
            for prediction, gradient in gradients:
                prediction["reliability"]["sensitivity"] = gradient
        return predictions

    def _sensitivities(self, gradients: NDArray[np.float32]) -> Iterable[object]:
        """Return each row's: by feature of a table, as nested lists of anything else."""
        taken = self._manifest.input
        if isinstance(taken, TableInput):
            names = taken.names
            return [dict(zip(names, gradient, strict=True)) for gradient in gradients]
        return np.ascontiguousarray(gradients)

    def _particulars(self, scores: Scores, altered: NDArray[np.bool_] | None) -> list[dict[str, Any]]:
        """Return what only predictions of some kinds and tasks have, by row."""
        if self._manifest.task != "ordinal" and altered is None:
            return [_NOTHING] * len(scores["label"])
        particulars: list[dict[str, Any]] = [{} for _ in scores["label"]]
        if self._manifest.task == "ordinal":
            levels = zip(scores["label"].tolist(), scores[EXPECTED_LEVEL.name], strict=True)
            for particular, (level, expected) in zip(particulars, levels, strict=True):
                particular["level"], particular[EXPECTED_LEVEL.name] = level, expected
        if altered is not None:
            for particular, cut in zip(particulars, altered.tolist(), strict=True):
                particular["truncated"] = cut
        return particulars


def _in_parts(gradient: NDArray[np.float32]) -> Iterator[bytes]:
    """Yield what stands between the outermost brackets of a row's long sensitivity [...]."""
    gradient = np.ascontiguousarray(gradient)
    step = max(_VALUES_A_PIECE // (gradient.size // len(gradient)), 1)
    for start in range(0, len(gradient), step):
        part = orjson.dumps(gradient[start : start + step], option=orjson.OPT_SERIALIZE_NUMPY)
        yield (b"," if start else b"") + part[1:-1]
