"""One loaded version of a model."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from service.errors import InvalidModelError, NonFiniteOutputError
from service.manifest import MODEL_FILE, OUTPUTS, Manifest, output_shape, read_manifest

Scores = dict[str, NDArray[Any]]
"""The graph's outputs by name, as `service.manifest.OUTPUTS` lists them."""

_ELEMENT_TYPES = {"tensor(float)": "FP32", "tensor(int64)": "INT64"}


class Model:
    """A version folder, checked, loaded into onnxruntime and warmed up.

    Args:
        folder: where it was found, for error messages.
        manifest: what the folder says of itself.
        session: the graph.

    Raises:
        InvalidModelError: if the graph's inputs and outputs are not what the manifest says, or it cannot run.
    """

    def __init__(self, folder: Path, manifest: Manifest, session: onnxruntime.InferenceSession) -> None:
        self.manifest = manifest
        self._session = session
        self._outputs = [output.name for output in OUTPUTS]
        self._check_signature(folder)
        self._warm_up(folder)

    @classmethod
    def load(cls, folder: Path, *, threads: int) -> Self:
        """Load `<repository>/<name>/<version>`.

        Args:
            folder: the version folder; what its manifest calls itself must be what the path says.
            threads: threads onnxruntime may use within one run.

        Raises:
            InvalidModelError: with the reason, if it cannot be served.
        """
        manifest = read_manifest(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        try:
            session = onnxruntime.InferenceSession(
                (folder / MODEL_FILE).read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises classes of its own with no common base
            raise InvalidModelError(folder, f"onnxruntime does not load its graph: {error}") from error
        return cls(folder, manifest, session)

    def score(self, rows: NDArray[np.float32]) -> Scores:
        """Return every output for raw rows [N, features]; NaN marks a missing value.

        Raises:
            NonFiniteOutputError: if an output is not finite.
        """
        outputs = self._session.run(self._outputs, {self.manifest.input.tensor: rows})
        for name, values in zip(self._outputs, outputs, strict=True):
            if not np.isfinite(values).all():
                raise NonFiniteOutputError(
                    f"{self.manifest.name} version {self.manifest.version} answered with a {name} that is not finite: "
                    "report these rows to whoever made the model"
                )
        return dict(zip(self._outputs, outputs, strict=True))

    def _check_signature(self, folder: Path) -> None:
        """Compare the graph's inputs and outputs with the manifest's, dynamic batch included."""
        table = self.manifest.input
        expected: dict[str, tuple[str, tuple[int, ...]]] = {table.tensor: ("FP32", (len(table.features),))}
        expected |= {output.name: (output.datatype, output_shape(output, self.manifest)) for output in OUTPUTS}
        found = {
            value.name: (_ELEMENT_TYPES.get(value.type, value.type), tuple(value.shape[1:]))
            for value in (*self._session.get_inputs(), *self._session.get_outputs())
            if value.shape and not isinstance(value.shape[0], int)
        }
        if found != expected:
            differing = sorted(expected.keys() ^ found.keys()) or [n for n in expected if expected[n] != found[n]]
            raise InvalidModelError(
                folder,
                f"the graph's inputs and outputs are not what the manifest says: see {', '.join(differing)}",
            )

    def _warm_up(self, folder: Path) -> None:
        """Run once on usual values, so that the first request pays for nothing and a broken graph shows now."""
        usual = np.array([[feature.example for feature in self.manifest.input.features]], dtype=np.float32)
        try:
            self.score(usual)
        except Exception as error:
            raise InvalidModelError(folder, f"its graph does not run on the manifest's example: {error}") from error
