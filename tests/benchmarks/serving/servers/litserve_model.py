"""LitServe: an API with one worker behind its server."""

import sys
from typing import Any

import litserve
import numpy as np
import onnxruntime


class PlainModel(litserve.LitAPI):
    """Instances in, columns out."""

    def __init__(self, graph: str) -> None:
        super().__init__()
        self._graph = graph

    def setup(self, device: Any) -> None:  # noqa: ARG002 - there is none but the processor
        """Load the graph, in the worker."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(self._graph, options)

    def predict(self, x: Any, **_: Any) -> dict[str, Any]:
        """Return label and probabilities."""
        rows = np.array(x["instances"], dtype=np.float32)
        label, probabilities = self._session.run(["label", "probabilities"], {"features": rows})
        return {"label": label.tolist(), "probabilities": probabilities.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(PlainModel(sys.argv[1]), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="warning")
