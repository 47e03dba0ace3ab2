"""BentoML: a service of one worker, run by `bentoml serve`."""

import os
import sys
from pathlib import Path
from typing import Any

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers=1)
class PlainModel:
    """Instances in, columns out."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(os.environ["PLAIN_GRAPH"], options)

    @bentoml.api
    def predict(self, instances: list[list[float]]) -> dict[str, Any]:
        """Return label and probabilities."""
        rows = np.array(instances, dtype=np.float32)
        label, probabilities = self._session.run(["label", "probabilities"], {"features": rows})
        return {"label": label.tolist(), "probabilities": probabilities.tolist()}


if __name__ == "__main__":
    graph, port = sys.argv[1:3]
    file = Path(__file__)
    command = [sys.executable, "-m", "bentoml", "serve", f"{file.stem}:PlainModel", "--working-dir", str(file.parent)]
    environment = os.environ | {"PLAIN_GRAPH": graph, "BENTOML_DO_NOT_TRACK": "True"}
    os.execve(sys.executable, [*command, "--host", "127.0.0.1", "--port", port], environment)
