"""Triton Inference Server with a Python model behind it, as pytriton binds it: one instance, its dynamic batcher."""

import os
import socket
import sys
import sysconfig
from typing import Any

import numpy as np
import onnxruntime
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

MAX_BATCH_ROWS = 1024


def make_infer(graph: str) -> Any:
    """Return the function that Triton calls."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options)

    @batch
    def infer(features: Any) -> Any:
        label, probabilities = session.run(["label", "probabilities"], {"features": features})
        return {"label": label[:, None], "probabilities": probabilities}

    return infer


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


if __name__ == "__main__":
    # Triton embeds Python, and must find this one's library before another of the system's.
    os.environ["LD_LIBRARY_PATH"] = str(sysconfig.get_config_var("LIBDIR"))
    ports = {"http_port": int(sys.argv[2]), "grpc_port": free_port(), "metrics_port": free_port()}
    with Triton(config=TritonConfig(http_address="127.0.0.1", **ports)) as triton:
        triton.bind(
            model_name="pima",
            infer_func=make_infer(sys.argv[1]),
            inputs=[Tensor(name="features", dtype=np.float32, shape=(8,))],
            outputs=[
                Tensor(name="label", dtype=np.int64, shape=(1,)),
                Tensor(name="probabilities", dtype=np.float32, shape=(2,)),
            ],
            config=ModelConfig(max_batch_size=MAX_BATCH_ROWS),
        )
        triton.serve()
