"""What each protocol makes of rows, and how its answers are read."""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from service.manifest import Manifest
from tests.benchmarks.serving.questions import Answer, Outputs, Question

JSON = {"Content-Type": "application/json"}
PLAIN = ("label", "probabilities")
DATATYPES = {"INT64": np.int64, "FP32": np.float32}
HEADER_LENGTH = "inference-header-content-length"


class Asked(NamedTuple):
    """What is asked of a model, whatever the protocol."""

    manifest: Manifest
    rows: NDArray[np.float32]
    reference: Outputs
    """all outputs of the graph for these rows"""


Ask = Callable[[Asked], Question]


def columns(path: str) -> Ask:
    """Instances in, `label` and `probabilities` as a list each out: what one writes without a protocol."""

    def read(answer: Answer) -> Outputs:
        found = orjson.loads(answer.body)
        return {name: np.array(found[name]) for name in PLAIN}

    return lambda asked: Question(path, JSON, _instances(asked.rows), read, PLAIN, asked.reference)


def predictions(path: str) -> Ask:
    """KServe's V1: instances in, a prediction with `label` and `probabilities` for each out."""

    def read(answer: Answer) -> Outputs:
        found = orjson.loads(answer.body)["predictions"]
        return {name: np.array([prediction[name] for prediction in found]) for name in PLAIN}

    return lambda asked: Question(path, JSON, _instances(asked.rows), read, PLAIN, asked.reference)


def reliable_predictions(asked: Asked) -> Question:
    """Our V1: the same, with names for the classes and a whole `reliability` object for each."""
    signals = ("jacobian_norm", "tail_ratio", "boundary_distance", "typicality", "reliability", "sensitivity")
    return ask_predictions(asked.manifest, _instances(asked.rows), signals, asked.reference)


def named_predictions(asked: Asked) -> Question:
    """Our V1 without reliability."""
    return ask_predictions(asked.manifest, _instances(asked.rows), (), asked.reference)


def ask_predictions(manifest: Manifest, body: bytes, signals: Sequence[str], reference: Outputs) -> Question:
    """Return our V1's question for a body of any kind of instances."""

    def read(answer: Answer) -> Outputs:
        found = orjson.loads(answer.body)["predictions"]
        outputs = {
            "label": np.array([manifest.classes.index(prediction["label"]) for prediction in found]),
            "probabilities": np.array(
                [[prediction["probabilities"][c] for c in manifest.classes] for prediction in found]
            ),
        }
        for name in signals:
            field = "score" if name == "reliability" else name
            values = [prediction["reliability"][field] for prediction in found]
            outputs[name] = np.array([list(value.values()) if isinstance(value, dict) else value for value in values])
        return outputs

    path = f"/v1/models/{manifest.name}:predict"
    return Question(path, JSON, body, read, (*PLAIN, *signals), reference)


def tensors(path: str, *, select: bool = True) -> Ask:
    """Open Inference Protocol, JSON; `select` asks for `label` and `probabilities` alone."""

    def read(answer: Answer) -> Outputs:
        found = orjson.loads(answer.body)["outputs"]
        # Triton's label has a dimension of its own.
        shapes = {output["name"]: [-1] if output["name"] == "label" else output["shape"] for output in found}
        return {output["name"]: np.array(output["data"]).reshape(shapes[output["name"]]) for output in found}

    def ask(asked: Asked) -> Question:
        values = orjson.dumps(asked.rows.ravel(), option=orjson.OPT_SERIALIZE_NUMPY)
        request = _infer_request(asked, {"data": orjson.Fragment(values)})
        if select:
            request["outputs"] = [{"name": name} for name in PLAIN]
        outputs = PLAIN if select else tuple(asked.reference)
        return Question(path, JSON, orjson.dumps(request), read, outputs, asked.reference)

    return ask


def binary_tensors(path: str) -> Ask:
    """Open Inference Protocol with the binary tensor extension both ways, all outputs."""

    def read(answer: Answer) -> Outputs:
        start = int(answer.headers[HEADER_LENGTH])
        outputs = {}
        for output in json.loads(answer.body[:start])["outputs"]:
            size = output["parameters"]["binary_data_size"]
            values = np.frombuffer(answer.body[start : start + size], DATATYPES[output["datatype"]])
            outputs[output["name"]] = values.reshape(output["shape"])
            start += size
        return outputs

    def ask(asked: Asked) -> Question:
        content = asked.rows.tobytes()
        request = _infer_request(asked, {"parameters": {"binary_data_size": len(content)}})
        request["parameters"] = {"binary_data_output": True}
        header = orjson.dumps(request)
        headers = {"Content-Type": "application/octet-stream", HEADER_LENGTH: str(len(header))}
        return Question(path, headers, header + content, read, tuple(asked.reference), asked.reference)

    return ask


def constant(path: str) -> Ask:
    """The floor's: whatever comes, the answer is a constant, and not looked at."""
    return lambda asked: Question(path, JSON, _instances(asked.rows), lambda _: {}, (), asked.reference)


def _instances(rows: NDArray[np.float32]) -> bytes:
    return orjson.dumps({"instances": rows}, option=orjson.OPT_SERIALIZE_NUMPY)


def _infer_request(asked: Asked, content: dict[str, Any]) -> dict[str, Any]:
    tensor = {"name": asked.manifest.table.tensor, "shape": list(asked.rows.shape), "datatype": "FP32"}
    return {"inputs": [tensor | content]}
