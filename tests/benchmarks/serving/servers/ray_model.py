"""Ray Serve: one replica behind its proxy; with a third argument `haproxy` behind HAProxy, tuned for throughput."""

import os
import sys
from typing import Any

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
if sys.argv[3:] == ["haproxy"]:
    # Read when Ray is imported.
    os.environ |= {"RAY_SERVE_ENABLE_HA_PROXY": "1", "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1"}

import numpy as np
import onnxruntime
import ray
from ray import serve
from starlette.requests import Request


class PlainModel:
    """Instances in, columns out."""

    def __init__(self, graph: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(graph, options)

    async def __call__(self, request: Request) -> dict[str, Any]:
        """Return label and probabilities."""
        rows = np.array((await request.json())["instances"], dtype=np.float32)
        label, probabilities = self._session.run(["label", "probabilities"], {"features": rows})
        return {"label": label.tolist(), "probabilities": probabilities.tolist()}


if __name__ == "__main__":
    ray.init(address="local", include_dashboard=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[2])})
    deployment = serve.deployment(num_replicas=1)(PlainModel)
    serve.run(deployment.bind(sys.argv[1]), blocking=True)
