"""The ceiling: raw ASGI, orjson and onnxruntime. No validation, no limits, no metrics, no reliability."""

import sys
from typing import Any

import numpy as np
import onnxruntime
import orjson
import uvicorn


def make_app(graph: str) -> Any:
    """Return the application that serves a graph on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        rows = np.array(orjson.loads(body)["instances"], dtype=np.float32)
        label, probabilities = session.run(["label", "probabilities"], {"features": rows})
        answer = orjson.dumps({"label": label, "probabilities": probabilities}, option=orjson.OPT_SERIALIZE_NUMPY)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app


if __name__ == "__main__":
    uvicorn.run(make_app(sys.argv[1]), port=int(sys.argv[2]), lifespan="off", access_log=False, log_level="warning")
