"""What /docs shows: schemas of the bodies that are decoded without pydantic, and examples from the models at hand."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.inference.advice import ADVICE
from service.inference.model import Model
from service.manifest import EXPECTED_LEVEL, OUTPUTS, REGRESSION_OUTPUTS, Manifest
from service.protocol.examples import example_feedback, example_instances, example_tensors
from service.protocol.openapi_parts import PREDICTION_ID, add_errors, json_answer, json_body, json_content, json_object
from service.protocol.prediction_rows import WITH_RESPECT_TO

_VALUE = {"type": ["number", "string", "boolean", "null"]}
_PIXEL = {"type": "integer", "minimum": 0, "maximum": 255}
_INSTANCE = {
    "anyOf": [
        {
            "type": "object",
            "additionalProperties": _VALUE,
            "description": "of a table: every feature by name, null where its value is unknown; categories are texts, "
            "dates texts in ISO 8601, and a text is one",
        },
        {"type": "array", "items": _VALUE, "description": "of a table: the features in the model's order"},
        {
            "type": "string",
            "description": "a text; or an image, a PNG or JPEG file in base64, which may begin as a data URL does",
        },
        {**json_object({"text": {"type": "string"}}), "additionalProperties": False},
        {**json_object({"b64": {"type": "string"}}), "additionalProperties": False},
        {
            "type": "array",
            "items": {"type": "array", "items": {"anyOf": [_PIXEL, {"type": "array", "items": _PIXEL}]}},
            "description": "an image of the model's size: its lines, of grey values or of red, green and blue",
        },
    ],
    "description": "what it is depends on the model, whose metadata under /v2 say what it takes",
}
_PARAMETERS = {
    "type": ["object", "null"],
    "properties": {
        "sensitivity": {
            "type": ["boolean", "null"],
            "description": "whether each prediction is to have its sensitivity; without it that of a table has it, "
            "and that of a text or an image does not",
        }
    },
    "description": "others are ignored",
}

_MEANINGS = {output.name: output.meaning for output in OUTPUTS}
_SIGNALS = ("typicality", "boundary_distance", "jacobian_norm", "tail_ratio")
_RELIABILITY = json_object(
    {
        "score": {
            "type": "number",
            "description": _MEANINGS["reliability"]
            + "; of a regression that the value is within the model's tolerance",
        },
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
        "unseen": {
            "type": "array",
            "items": {"type": "string"},
            "description": "of a table with categories: the features whose category training did not have; they are "
            "left out of the prediction, and typicality is at its lowest",
        },
        "with_respect_to": {
            "enum": list(WITH_RESPECT_TO.values()),
            "description": "what the signals are derivatives by, where it is not the features of a table",
        },
        "sensitivity": {
            "type": ["object", "array"],
            "additionalProperties": {"type": "number"},
            "items": {},
            "description": _MEANINGS["sensitivity"] + "; of a table by feature, of a text as a list, one number for "
            "each dimension of its embedding, of an image as lists of its height, width and channels",
        },
    },
    ["score", "advice", "out_of_distribution", "typicality", "jacobian_norm", "tail_ratio"],
)
_VALUES = {output.name: output.meaning for output in REGRESSION_OUTPUTS}
_INTERVAL = json_object(
    {
        "lower": {"type": "number", "description": _VALUES["lower"]},
        "upper": {"type": "number", "description": _VALUES["upper"]},
        "coverage": {"type": "number", "description": "how often, at least, the truth lies between the two"},
    }
)
_ONE_OF_A_KIND = [{"required": ["label", "probabilities"]}, {"required": ["value", "interval"]}]
_PREDICTION = json_object(
    {
        "label": {"type": "string", "description": "of a model of classes or levels"},
        "probabilities": {"type": "object", "additionalProperties": {"type": "number"}},
        "value": {"type": "number", "description": f"of a regression, which has no label: {_VALUES['value']}"},
        "interval": {**_INTERVAL, "description": "of a regression"},
        "level": {"type": "integer", "description": "of an ordinal model: the label's place among the classes"},
        EXPECTED_LEVEL.name: {"type": "number", "description": f"of an ordinal model: {EXPECTED_LEVEL.meaning}"},
        "truncated": {"type": "boolean", "description": "of a text: whether it was cut, being too long for the model"},
        "reliability": _RELIABILITY,
    },
    ["reliability"],
) | {"anyOf": _ONE_OF_A_KIND}
PREDICT = {
    "requestBody": json_body(
        json_object(
            {
                "instances": {"type": "array", "minItems": 1, "items": _INSTANCE},
                "parameters": _PARAMETERS,
            },
            ["instances"],
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
                            "label": {"type": ["string", "null"], "description": "the class that was right"},
                            "value": {
                                "type": ["number", "null"],
                                "description": "of a regression: the number that was right. An answer is confirmed if "
                                "it is off by at most the model's tolerance",
                            },
                        },
                        ["id"],
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
        make: Callable[[Manifest], dict[str, Any] | None] = example_tensors
        if path.startswith("/v1/"):
            make = example_feedback if path.endswith(":feedback") else example_instances
        body = operation["requestBody"]["content"]["application/json"]
        examples = {name: make(manifest) for name, manifest in newest.items()}
        body["examples"] = {name: {"value": example} for name, example in examples.items() if example is not None}
