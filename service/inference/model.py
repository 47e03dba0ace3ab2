"""One loaded version of a model."""

from pathlib import Path
from time import perf_counter
from typing import Any, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from service.errors import InvalidModelError, NonFiniteOutputError
from service.inference.feeds import Feed, Rows, Signature, TextFeed, make_feed
from service.inference.tokenizer import TextTokenizer
from service.manifest import MODEL_FILE, Manifest, output_shape, outputs_of
from service.version_folder import read_file, read_manifest

Scores = dict[str, NDArray[Any]]
"""The graph's outputs by name, as `service.manifest.outputs_of` lists them."""

_ELEMENT_TYPES = {"tensor(float)": "FP32", "tensor(int64)": "INT64", "tensor(uint8)": "UINT8"}


class Model:
    """A version folder, checked, loaded into onnxruntime and warmed up.

    Args:
        folder: where it was found, for error messages.
        manifest: what the folder says of itself.
        feed: brings rows to the graph.
        session: the graph.

    Raises:
        InvalidModelError: if the graph's inputs and outputs are not what the manifest says, or it cannot run.
    """

    def __init__(self, folder: Path, manifest: Manifest, feed: Feed, session: onnxruntime.InferenceSession) -> None:
        self.manifest = manifest
        self._feed = feed
        self._session = session
        self._outputs = [output.name for output in outputs_of(manifest)]
        self._check_signature(folder)
        self._seconds_a_run, self._seconds_a_unit = self._warm_up(folder)

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
        feed = make_feed(folder, manifest)
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
        return cls(folder, manifest, feed, session)

    @property
    def tokenizer(self) -> TextTokenizer:
        """What makes rows of texts.

        Raises:
            TypeError: if the model takes something else.
        """
        if not isinstance(self._feed, TextFeed):
            raise TypeError(f"{self.manifest.name} takes no texts but {self.manifest.input.kind}s")
        return self._feed.tokenizer

    def score(self, rows: Rows) -> Scores:
        """Return every output for rows of the manifest's kind, at least one; see `Rows`.

        Raises:
            NonFiniteOutputError: if an output is not finite.
        """
        outputs = self._feed.run(self._session, self._outputs, rows)
        for name, values in zip(self._outputs, outputs, strict=True):
            if np.count_nonzero(np.isfinite(values)) != values.size:
                raise NonFiniteOutputError(
                    f"{self.manifest.name} version {self.manifest.version} answered with a {name} that is not finite: "
                    "report these rows to whoever made the model"
                )
        return dict(zip(self._outputs, outputs, strict=True))

    def _check_signature(self, folder: Path) -> None:
        """Compare the graph's inputs and outputs with the manifest's, dynamic batch included."""
        expected: Signature = self._feed.signature | {
            output.name: (output.datatype, output_shape(output, self.manifest)) for output in outputs_of(self.manifest)
        }
        found: Signature = {
            value.name: (
                _ELEMENT_TYPES.get(value.type, value.type),
                tuple(size if isinstance(size, int) else None for size in value.shape[1:]),
            )
            for value in (*self._session.get_inputs(), *self._session.get_outputs())
            if value.shape and not isinstance(value.shape[0], int)
        }
        if found != expected:
            differing = sorted(expected.keys() ^ found.keys()) or [n for n in expected if expected[n] != found[n]]
            raise InvalidModelError(
                folder,
                f"the graph's inputs and outputs are not what the manifest says: see {', '.join(differing)}",
            )

    def units(self, rows: Rows) -> int:
        """Return what `rows` count for in the time of a run: rows of a table, images, tokens of texts."""
        return self._feed.units(rows)

    def expected_seconds(self, units: int) -> float:
        """Return how long a run of so many units should take, by the runs at warm-up."""
        return self._seconds_a_run + units * self._seconds_a_unit

    def _warm_up(self, folder: Path) -> tuple[float, float]:
        """Run on usual values; return the seconds that a run and each of its units take.

        The first request then pays for nothing, and a broken graph shows now.
        """
        few, many = self._feed.examples
        try:
            short, long = self._fastest(few), self._fastest(many)
        except Exception as error:
            raise InvalidModelError(folder, f"its graph does not run on the manifest's example: {error}") from error
        units = self.units(few)
        unit = max(long - short, 0.0) / max(self.units(many) - units, 1)
        return max(short - units * unit, 0.0), unit

    def _fastest(self, rows: Rows) -> float:
        """Return the shortest of a few runs' seconds."""
        seconds = []
        for _ in range(5):
            started = perf_counter()
            self.score(rows)
            seconds.append(perf_counter() - started)
        return min(seconds)
