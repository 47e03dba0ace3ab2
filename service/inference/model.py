"""One loaded version of a model."""

from pathlib import Path
from time import perf_counter
from typing import Any, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from service.errors import InvalidModelError, NonFiniteOutputError
from service.manifest import MODEL_FILE, OUTPUTS, Manifest, output_shape
from service.version_folder import read_file, read_manifest

Scores = dict[str, NDArray[Any]]
"""The graph's outputs by name, as `service.manifest.OUTPUTS` lists them."""

_FEW, _MANY = 1, 64
"""Rows of the two batches whose time says what a run costs."""

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
        self._seconds_a_run, self._seconds_a_row = self._warm_up(folder)

    @classmethod
    def load(cls, folder: Path, *, threads: int, max_bytes: int | None = None) -> Self:
        """Load `<repository>/<name>/<version>`.

        Args:
            folder: the version folder.
            threads: threads onnxruntime may use within one run.
            max_bytes: the most its files may hold together, None for any amount.

        Raises:
            InvalidModelError: with the reason, if it cannot be served.
        """
        manifest = read_manifest(folder, max_bytes)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that spin between runs take the processor from the event loop.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # The arena keeps the largest run's memory for good; the system's allocator gives it back.
        options.enable_cpu_mem_arena = False
        # A graph that keeps weights in another file could name any file: there is no such folder to look in.
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(folder / "no-external-data")
        )
        graph = read_file(folder, manifest, MODEL_FILE)
        try:
            session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
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

    def expected_seconds(self, rows: int) -> float:
        """Return how long a run of that many rows should take, by the runs at warm-up."""
        return self._seconds_a_run + rows * self._seconds_a_row

    def _warm_up(self, folder: Path) -> tuple[float, float]:
        """Run on usual values; return the seconds that a run and each of its rows take.

        The first request then pays for nothing, and a broken graph shows now.
        """
        usual = np.array([[feature.example for feature in self.manifest.input.features]], dtype=np.float32)
        try:
            few, many = (self._fastest(np.repeat(usual, rows, axis=0)) for rows in (_FEW, _MANY))
        except Exception as error:
            raise InvalidModelError(folder, f"its graph does not run on the manifest's example: {error}") from error
        row = max(many - few, 0.0) / (_MANY - _FEW)
        return max(few - row, 0.0), row

    def _fastest(self, rows: NDArray[np.float32]) -> float:
        """Return the shortest of a few runs' seconds."""
        seconds = []
        for _ in range(5):
            started = perf_counter()
            self.score(rows)
            seconds.append(perf_counter() - started)
        return min(seconds)
