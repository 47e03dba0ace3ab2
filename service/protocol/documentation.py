"""What /docs shows: schemas of the bodies that are decoded without pydantic, and examples from the models at hand."""

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.inference.advice import ADVICE
from service.inference.model import Model
from service.manifest import OUTPUTS, Manifest, TableInput

_NUMBER = {"type": ["number", "null"]}
_PARAMETERS = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}


def _object(properties: dict[str, Any], required: list[str] | None = None, **more: Any) -> dict[str, Any]:
    needed = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": needed, **more}


def _operation(body: dict[str, Any], answer: dict[str, Any], error: dict[str, Any]) -> dict[str, Any]:
    """Return the part of an OpenAPI operation that its bodies make up."""

    def content(schema: dict[str, Any], description: str) -> dict[str, Any]:
        return {"description": description, "content": {"application/json": {"schema": schema}}}

    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": content(answer, "one answer per row"),
            "400": content(error, "the request is at fault; the error says where"),
            "404": content(error, "no such model or version"),
            "413": content(error, "over the limit in bytes or rows"),
            "500": content(error, "the model or the service is at fault"),
        },
    }


_MEANINGS = {output.name: output.meaning for output in OUTPUTS}
_SIGNALS = ("typicality", "boundary_distance", "jacobian_norm", "tail_ratio")
_RELIABILITY = _object(
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
_PREDICTION = _object(
    {
        "label": {"type": "string"},
        "probabilities": {"type": "object", "additionalProperties": {"type": "number"}},
        "reliability": _RELIABILITY,
    }
)
_PREDICT_ERROR = _object(
    {
        "error": _object(
            {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "row": {"type": "integer"},
                "field": {"type": "string"},
            },
            ["code", "message"],
        )
    }
)

PREDICT = _operation(
    _object(
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
    ),
    _object(
        {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "predictions": {"type": "array", "items": _PREDICTION},
        }
    ),
    _PREDICT_ERROR,
)
"""The bodies of a predict operation."""

_TENSOR = {
    "name": {"type": "string"},
    "shape": {"type": "array", "items": {"type": "integer"}},
    "datatype": {"type": "string"},
    "data": {"type": "array", "items": {}},
}

INFER = _operation(
    _object(
        {
            "id": {"type": "string"},
            "inputs": {
                "type": "array",
                "items": _object({**_TENSOR, "parameters": _PARAMETERS}, list(_TENSOR)),
            },
            "outputs": {
                "type": "array",
                "items": _object({"name": {"type": "string"}, "parameters": _PARAMETERS}, ["name"]),
            },
            "parameters": _PARAMETERS,
        },
        ["inputs"],
    ),
    _object(
        {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "outputs": {"type": "array", "items": _object(_TENSOR)},
        },
        ["model_name", "outputs"],
    ),
    _object({"error": {"type": "string"}}),
)
"""The bodies of an infer operation."""


def install(app: FastAPI, models: Iterable[Model]) -> None:
    """Let the app describe itself with examples that the models being served answer as they stand."""

    def describe() -> dict[str, Any]:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        newest = {model.manifest.name: model.manifest for model in models}
        for path, operations in document["paths"].items():
            for operation in operations.values():
                _add_examples(path, operation, newest)
        return document

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's documented way to extend its description


def _add_examples(path: str, operation: dict[str, Any], newest: dict[str, Manifest]) -> None:
    """Fill in the names, versions and bodies that a reader can send at once."""
    operation.get("responses", {}).pop("422", None)
    for parameter in operation.get("parameters", ()):
        values = [m.name if parameter["name"] == "name" else str(m.version) for m in newest.values()]
        if values:
            parameter["example"] = values[0]
    if "requestBody" in operation:
        make = example_instances if path.endswith(":predict") else example_tensors
        body = operation["requestBody"]["content"]["application/json"]
        body["examples"] = {name: {"value": make(manifest.input)} for name, manifest in newest.items()}


def example_instances(table: TableInput) -> dict[str, Any]:
    """Return a predict body of one usual row."""
    return {"instances": [{feature.name: feature.example for feature in table.features}]}


def example_tensors(table: TableInput) -> dict[str, Any]:
    """Return an infer body of one usual row."""
    data = [feature.example for feature in table.features]
    return {"inputs": [{"name": table.tensor, "shape": [1, len(data)], "datatype": "FP32", "data": data}]}
