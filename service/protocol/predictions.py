"""The friendly protocol's answers: predictions, their reliability beside them, of models of every kind."""

from collections.abc import Iterator
from math import prod
from typing import Final

import numpy as np
import orjson
from numpy.typing import NDArray

from service.inference.jobs import Scored
from service.inputs import TableInput, text_of
from service.manifest import Manifest
from service.protocol.prediction_rows import PredictionRows

_ROWS_A_PIECE: Final = 256
_VALUES_A_PIECE: Final = 32_768
"""At most so much is written at a time: health must not wait long."""


class PredictionWriter:
    """Writes `{"predictions": [...]}` for one model.

    Args:
        manifest: the model's.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._head = orjson.dumps({"model_name": manifest.name, "model_version": str(manifest.version)})[:-1]
        self._texts = text_of(manifest.input) is not None
        self._gradient = prod(manifest.input.gradient_shape)
        """numbers of a row's sensitivity"""
        self._plain, self._full = (PredictionRows(manifest, sensitivity=wanted) for wanted in (False, True))

    def write(
        self, scored: Scored, name: str | None, *, sensitivity: bool, altered: NDArray[np.bool_] | None = None
    ) -> Iterator[bytes]:
        """Yield the answer's JSON, in pieces none of which takes long to make.

        Args:
            scored: the rows asked.
            name: the answer's id, where it has one; plain ASCII.
            sensitivity: whether to write each row's.
            altered: which of the texts were cut, all whole where it is None; of no use for other models.
        """
        taken = self._manifest.input
        head = (self._head if name is None else b'%b,"id":"%b"' % (self._head, name.encode())) + b',"predictions":['
        gradient = self._gradient if sensitivity else 0
        parts = sensitivity and gradient > _VALUES_A_PIECE and not isinstance(taken, TableInput)
        values = max(len(self._manifest.classes), 1) + (0 if parts else gradient)
        step = 1 if parts else max(min(_ROWS_A_PIECE, _VALUES_A_PIECE // values), 1)
        rows = self._full if sensitivity and not parts else self._plain
        run, start, stop = scored
        if len(run.rows) <= step and not parts and not self._texts:
            # Several requests' rows are written together, by the first of them.
            texts = run.texts.get(rows)
            if texts is None:
                texts = run.texts[rows] = rows.write(run.scores, run.strange, run.rows)
            yield b"%b%b]}" % (head, rows.join(texts, start, stop))
            return
        yield head
        cut = None
        if self._texts:
            cut = np.zeros(stop - start, np.bool_) if altered is None else altered
        for first in range(start, stop, step):
            part = slice(first, min(first + step, stop))
            scores = {output: values[part] for output, values in run.scores.items()}
            these = None if cut is None else cut[part.start - start : part.stop - start]
            piece = rows.join(rows.write(scores, run.strange[part], run.rows[part], these), 0, part.stop - part.start)
            if parts:
                # What is left out comes last, so that it can be added in front of the two closing brackets.
                yield piece[:-2] + b',"sensitivity":['
                yield from _in_parts(scores["sensitivity"][0])
                piece = b"]}}"
            yield piece + (b"," if part.stop < stop else b"]}")


def _in_parts(gradient: NDArray[np.float32]) -> Iterator[bytes]:
    """Yield what stands between the outermost brackets of a row's long sensitivity [...]."""
    gradient = np.ascontiguousarray(gradient)
    step = max(_VALUES_A_PIECE // (gradient.size // len(gradient)), 1)
    for start in range(0, len(gradient), step):
        part = orjson.dumps(gradient[start : start + step], option=orjson.OPT_SERIALIZE_NUMPY)
        yield (b"," if start else b"") + part[1:-1]
