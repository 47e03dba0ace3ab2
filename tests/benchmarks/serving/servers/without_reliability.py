"""The service without what it is for: the plain graph, and nothing counted, remembered or said of reliability.

There is no such setting, so parts of the service are replaced here; everything else is as in `everything_on`.
"""

import json
import sys
from collections.abc import Sequence
from hashlib import sha256
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import orjson
from numpy.typing import NDArray

from service.__main__ import main
from service.inference import jobs, model
from service.inference.feeds import Rows
from service.inference.model import Scores
from service.manifest import MANIFEST_FILE, MODEL_FILE, OUTPUTS, Manifest
from service.monitoring import model_metrics
from service.monitoring.feedback import Feedback
from service.monitoring.model_metrics import ModelMetrics
from service.protocol import predictions
from service.protocol.prediction_rows import PredictionRows
from tests.benchmarks.serving.model import write_plain_graph

_remember = Feedback.remember


class PlainRows(PredictionRows):
    """Label and probabilities, written as `PredictionRows` writes them."""

    def __init__(self, manifest: Manifest, *, sensitivity: bool) -> None:
        super().__init__(manifest, sensitivity=sensitivity)
        classes = [orjson.dumps(name) for name in manifest.classes]
        self._end = b"}}"
        self._heads = [b'}},{"label":' + name + b',"probabilities":{' + classes[0] + b":" for name in classes]
        self._blank = list(chain.from_iterable((text, b"") for text in [b"", *(b"," + c + b":" for c in classes[1:])]))

    def write(
        self,
        scores: Scores,
        strange: NDArray[np.bool_],  # noqa: ARG002 - as its base has it
        sent: Rows,  # noqa: ARG002
        truncated: NDArray[np.bool_] | None = None,  # noqa: ARG002
    ) -> list[bytes]:
        parts = self._blank * len(scores["label"])
        parts[:: len(self._blank)] = [self._heads[label] for label in scores["label"].tolist()]
        numbers = orjson.dumps(scores["probabilities"].reshape(-1), option=orjson.OPT_SERIALIZE_NUMPY)
        parts[1::2] = numbers[1:-1].split(b",")
        return parts


def _find_nothing_strange(run: jobs.Run) -> None:
    run.strange, run.any_strange = np.zeros(len(run.rows), np.bool_), False


def _count_rows(metrics: ModelMetrics) -> None:
    held, metrics._held, metrics._held_rows = metrics._held, [], 0
    if held:
        rows = np.concatenate([rows for rows, _ in held])
        if metrics._features is not None:
            metrics._features.observe(rows)
        metrics._rows.inc(len(rows))


def _remember_labels(feedback: Feedback, manifest: Manifest, scores: Scores, starts: Sequence[int]) -> int:
    nothing = np.zeros(len(scores["label"]), np.float32)
    return _remember(feedback, manifest, scores | {"reliability": nothing}, starts)


def write_plain_version(folder: Path, target: Path) -> None:
    """Write a version folder whose graph has no outputs but label and probabilities."""
    target.mkdir(parents=True)
    write_plain_graph(folder, target / MODEL_FILE)
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    manifest["files"] = {MODEL_FILE: sha256((target / MODEL_FILE).read_bytes()).hexdigest()}
    (target / MANIFEST_FILE).write_text(json.dumps(manifest))


if __name__ == "__main__":
    for owner, name, part in (
        (model, "outputs_of", lambda _manifest: OUTPUTS[:2]),
        (jobs.Run, "__post_init__", _find_nothing_strange),
        (model_metrics, "_COUNTED", ()),
        (ModelMetrics, "count_held", _count_rows),
        (Feedback, "remember", _remember_labels),
        (predictions, "PredictionRows", PlainRows),
    ):
        setattr(owner, name, part)
    with TemporaryDirectory() as repository:
        write_plain_version(Path(sys.argv[1]) / "pima" / "1", Path(repository) / "pima" / "1")
        main(["--repository", repository, "--port", sys.argv[2], *sys.argv[3:]])
