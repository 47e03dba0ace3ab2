"""MLServer: a custom runtime, run by `mlserver start` in the server's own process.

`parallel_workers` is 0: with its default, a pool of one worker process, it does not start on a current uvloop.
"""

import json
import os
import socket
import sys
from pathlib import Path
from tempfile import mkdtemp

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class PlainModel(MLModel):
    """Tensors in, tensors out."""

    async def load(self) -> bool:
        """Load the graph."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(self.settings.parameters.uri, options)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Return label and probabilities."""
        rows = NumpyCodec.decode_input(payload.inputs[0])
        names = ["label", "probabilities"]
        values = self._session.run(names, {"features": rows})
        outputs = [NumpyCodec.encode_output(name, value) for name, value in zip(names, values, strict=True)]
        return InferenceResponse(model_name=self.name, outputs=outputs)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


if __name__ == "__main__":
    graph, port = sys.argv[1:3]
    folder = Path(mkdtemp())
    server = {"host": "127.0.0.1", "http_port": int(port), "grpc_port": free_port(), "metrics_port": free_port()}
    (folder / "settings.json").write_text(json.dumps(server | {"parallel_workers": 0}))
    model = {"name": "pima", "implementation": "mlserver_model.PlainModel", "parameters": {"uri": graph}}
    (folder / "model-settings.json").write_text(json.dumps(model))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    os.execve(sys.executable, [sys.executable, "-m", "mlserver.cli.main", "start", str(folder)], environment)
