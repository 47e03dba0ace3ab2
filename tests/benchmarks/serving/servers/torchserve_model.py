"""TorchServe: a custom handler, archived, then run by `torchserve` with one worker."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import onnxruntime

QUEUE = 1000
"""Its default of 100 would refuse some of 256 connections."""


class PlainModel:
    """Instances in, columns out."""

    def initialize(self, context: Any) -> None:
        """Load the graph that lies beside the handler."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        graph = Path(context.system_properties["model_dir"]) / "plain.onnx"
        self._session = onnxruntime.InferenceSession(graph, options)

    def handle(self, data: Any, context: Any) -> Any:  # noqa: ARG002
        """Return an answer for each request."""
        return [self._answer(request["body"]["instances"]) for request in data]

    def _answer(self, instances: Any) -> dict[str, Any]:
        rows = np.array(instances, dtype=np.float32)
        label, probabilities = self._session.run(["label", "probabilities"], {"features": rows})
        return {"label": label.tolist(), "probabilities": probabilities.tolist()}


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


if __name__ == "__main__":
    graph, port = sys.argv[1:3]
    programs, folder = Path(sys.executable).parent, Path(mkdtemp())
    archive = ["--model-name", "pima", "--version", "1.0", "--handler", __file__, "--extra-files", graph]
    archiver = [sys.executable, str(programs / "torch-model-archiver"), *archive, "--export-path", str(folder)]
    subprocess.run(archiver, check=True)
    addresses = {name: f"http://127.0.0.1:{free_port()}" for name in ("management_address", "metrics_address")}
    settings = addresses | {
        "inference_address": f"http://127.0.0.1:{port}",
        "grpc_inference_port": free_port(),
        "grpc_management_port": free_port(),
        "default_workers_per_model": 1,
        "job_queue_size": QUEUE,
    }
    (folder / "config.properties").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
    options = ["--model-store", str(folder), "--models", "pima.mar", "--ts-config", str(folder / "config.properties")]
    os.chdir(folder)
    command = [sys.executable, str(programs / "torchserve"), "--start", "--foreground", "--ncs", "--disable-token-auth"]
    os.execve(sys.executable, [*command, *options], environment)
