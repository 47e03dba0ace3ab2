"""What /docs shows: schemas of the bodies that are decoded without pydantic, and examples from the models at hand."""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.inference.advice import ADVICE
from service.inference.model import Model
from service.manifest import OUTPUTS, Manifest
from service.protocol.openapi_parts import PREDICTION_ID, add_errors, json_answer, json_body, json_content, json_object

_NUMBER = {"type": ["number", "null"]}

_MEANINGS = {output.name: output.meaning for output in OUTPUTS}
_SIGNALS = ("typicality", "boundary_distance", "jacobian_norm", "tail_ratio")
_RELIABILITY = json_object(
    {
        "score": {"type": "number", "description": _MEANINGS["reliability"]},
        "advice": {
            "type": "string",
            "enum": list(ADVICE),
            "description": "accept: the score is at or above the model's level for acting unattended; review: someone "
            "should look; reject: do not use the answer. The manifest says what each level promises",
        },
        "out_of_distribution": {
            "type": "boolean",
            "description": "whether typicality is at or below the model's level, whose false-alarm rate the manifest "
            "states",
        },
        **{name: {"type": "number", "description": _MEANINGS[name]} for name in _SIGNALS},
        "sensitivity": {
            "type": "object",
            "additionalProperties": {"type": "number"},
            "description": _MEANINGS["sensitivity"],
        },
    }
)
_PREDICTION = json_object(
    {
        "label": {"type": "string"},
        "probabilities": {"type": "object", "additionalProperties": {"type": "number"}},
        "reliability": _RELIABILITY,
    }
)
PREDICT = {
    "requestBody": json_body(
        json_object(
            {
                "instances": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "anyOf": [
                            {"type": "object", "additionalProperties": _NUMBER},
                            {"type": "array", "items": _NUMBER},
                        ]
                    },
                }
            }
        )
    ),
    "responses": {
        "200": {
            "description": "one prediction per instance",
            "headers": PREDICTION_ID,
            "content": json_content(
                json_object(
                    {
                        "model_name": {"type": "string"},
                        "model_version": {"type": "string"},
                        "id": {"type": "string", "description": "names the answer in feedback, if any is taken"},
                        "predictions": {"type": "array", "items": _PREDICTION},
                    },
                    ["model_name", "model_version", "predictions"],
                )
            ),
        }
    },
}
"""A predict operation."""

FEEDBACK = {
    "requestBody": json_body(
        json_object(
            {
                "feedback": {
                    "type": "array",
                    "minItems": 1,
                    "items": json_object(
                        {
                            "id": {"type": "string", "description": "of the answer"},
                            "row": {"type": "integer", "minimum": 0, "default": 0, "description": "of the answer"},
                            "label": {"type": "string", "description": "the class that was right"},
                        },
                        ["id", "label"],
                    ),
                }
            }
        )
    ),
    "responses": json_answer(
        json_object(
            {
                "accepted": {"type": "integer", "minimum": 1},
                "refused": {
                    "type": "array",
                    "items": json_object(
                        {
                            "index": {"type": "integer", "description": "of what was sent, counted from 0"},
                            "code": {"type": "string"},
                            "message": {"type": "string"},
                        }
                    ),
                },
            }
        ),
        "at least one true label was counted; if none is, the first refusal is the error",
    ),
}
"""A feedback operation."""

MODEL_NAMES = json_answer(
    json_object({"models": {"type": "array", "items": {"type": "string"}}}), "the models being served"
)
MODEL_STATE = json_answer(
    json_object({"name": {"type": "string"}, "ready": {"type": "boolean"}}), "the model is being served"
)


def install(app: FastAPI, models: Iterable[Model], *, keys: bool) -> None:
    """Let the app describe itself with examples that the models being served answer as they stand.

    Args:
        app: what is described.
        models: being served.
        keys: whether clients need one.
    """
    described: tuple[Manifest, ...] | None = None
    document: dict[str, Any] = {}

    def describe() -> dict[str, Any]:
        nonlocal described, document
        # Their manifests stand for the models, whose memory must be free once they are no longer served.
        manifests = tuple(model.manifest for model in models)
        if manifests != described:
            document, described = make(manifests), manifests
        return document

    def make(manifests: tuple[Manifest, ...]) -> dict[str, Any]:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        newest = {manifest.name: manifest for manifest in manifests}
        for path, operations in document["paths"].items():
            for operation in operations.values():
                _add_examples(path, operation, newest)
                add_errors(path, operation, keys=keys)
        return document

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's documented way to extend its description


def operations(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Yield the path template and the method of everything that the app describes."""
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            yield path, method.upper()


def _add_examples(path: str, operation: dict[str, Any], newest: dict[str, Manifest]) -> None:
    """Fill in the names, versions and bodies that a reader can send at once."""
    operation.get("responses", {}).pop("422", None)
    for parameter in operation.get("parameters", ()):
        if parameter["in"] != "path":
            continue
        values = [m.name if parameter["name"] == "name" else str(m.version) for m in newest.values()]
        if values:
            parameter["example"] = values[0]
    if "requestBody" in operation and not path.startswith("/v2/repository/"):
        make = example_tensors
        if path.startswith("/v1/"):
            make = example_feedback if path.endswith(":feedback") else example_instances
        body = operation["requestBody"]["content"]["application/json"]
        body["examples"] = {name: {"value": make(manifest)} for name, manifest in newest.items()}


def example_instances(manifest: Manifest) -> dict[str, Any]:
    """Return a predict body of one usual row."""
    return {"instances": [{feature.name: feature.example for feature in manifest.input.features}]}


def example_feedback(manifest: Manifest) -> dict[str, Any]:
    """Return a feedback body, for an answer's id to be put in."""
    return {"feedback": [{"id": "the id of an answer", "row": 0, "label": manifest.classes[0]}]}


def example_tensors(manifest: Manifest) -> dict[str, Any]:
    """Return an infer body of one usual row."""
    table = manifest.input
    data = [feature.example for feature in table.features]
    return {"inputs": [{"name": table.tensor, "shape": [1, len(data)], "datatype": "FP32", "data": data}]}
