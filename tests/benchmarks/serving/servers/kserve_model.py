"""KServe's Python server, with the V1 and the V2 protocol."""

import sys
from typing import Any

import kserve
import numpy as np
import onnxruntime
from kserve.utils.utils import generate_uuid


class PlainModel(kserve.Model):
    """Answers each protocol in its own terms."""

    def __init__(self, graph: str) -> None:
        super().__init__("pima")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(graph, options)
        self.ready = True

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:  # noqa: ARG002
        """Return label and probabilities."""
        if isinstance(payload, kserve.InferRequest):
            label, probabilities = self._run(payload.inputs[0].as_numpy())
            outputs = [
                kserve.InferOutput("label", list(label.shape), "INT64"),
                kserve.InferOutput("probabilities", list(probabilities.shape), "FP32"),
            ]
            for output, values in zip(outputs, (label, probabilities), strict=True):
                output.set_data_from_numpy(values, binary_data=False)
            return kserve.InferResponse(payload.id or generate_uuid(), self.name, outputs)
        label, probabilities = self._run(np.array(payload["instances"], dtype=np.float32))
        pairs = zip(label.tolist(), probabilities.tolist(), strict=True)
        return {"predictions": [{"label": one, "probabilities": row} for one, row in pairs]}

    def _run(self, rows: Any) -> Any:
        return self._session.run(["label", "probabilities"], {"features": rows})


if __name__ == "__main__":
    kserve.ModelServer(http_port=int(sys.argv[2]), workers=1, enable_grpc=False).start([PlainModel(sys.argv[1])])
