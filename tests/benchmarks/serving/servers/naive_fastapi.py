"""FastAPI as its tutorial has it: a pydantic model in, a dict out. No metrics, no reliability."""

import sys
from typing import Any

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Request(BaseModel):
    """Rows of features."""

    instances: list[list[float]]


def make_app(graph: str) -> FastAPI:
    """Return the application that serves a graph on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options)
    app = FastAPI()

    @app.post("/predict")
    async def predict(request: Request) -> dict[str, Any]:
        rows = np.array(request.instances, dtype=np.float32)
        label, probabilities = session.run(["label", "probabilities"], {"features": rows})
        return {"label": label.tolist(), "probabilities": probabilities.tolist()}

    return app


if __name__ == "__main__":
    uvicorn.run(make_app(sys.argv[1]), port=int(sys.argv[2]), access_log=False, log_level="warning")
