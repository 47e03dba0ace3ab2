"""What /docs says of the bodies under `/v2`."""

from typing import Any

from service.protocol.binary_tensors import LENGTH_HEADER
from service.protocol.openapi_parts import PREDICTION_ID, json_answer, json_body, json_content, json_object
from service.protocol.table_tensors import NUMBERS

_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_LENGTH = {"schema": {"type": "integer", "minimum": 0}}

_TEXTS = {"type": "array", "items": {"type": "string"}}
_SCALARS = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
_REQUEST_PARAMETERS = {
    **_SCALARS,
    "type": ["object", "null"],
    "description": "binary_data_size (of an input), binary_data (of an output) and binary_data_output (of the request) "
    "have a meaning; classification and shared_memory_region are refused; others are ignored, timeout, priority and "
    "sequence_* too",
}
_TENSOR = {
    "name": {"type": "string"},
    "shape": {"type": "array", "items": {"type": "integer"}},
    "datatype": {"type": "string"},
}
_DATA = {"type": "array", "description": "flat in row-major order, or nested by row; left out where it is binary"}

_REQUEST = json_object(
    {
        "id": {"type": ["string", "null"], "description": "comes back in the answer"},
        "inputs": {
            "type": "array",
            "items": json_object(
                {
                    **_TENSOR,
                    "datatype": {
                        "enum": [*NUMBERS, "BYTES"],
                        "description": "FP32 is what models of tables take, other numbers become that, FP16 binary "
                        "only; BYTES, texts in UTF-8, is what models of texts take, and UINT8 models of images",
                    },
                    "data": {**_DATA, "items": {}},
                    "parameters": _REQUEST_PARAMETERS,
                },
                list(_TENSOR),
            ),
        },
        "outputs": {
            "type": ["array", "null"],
            "items": json_object({"name": {"type": "string"}, "parameters": _REQUEST_PARAMETERS}, ["name"]),
            "description": "what to answer with, each once; everything where it is left out",
        },
        "parameters": _REQUEST_PARAMETERS,
    },
    ["inputs"],
)
_ANSWER = json_object(
    {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "parameters": {
            **_SCALARS,
            "description": "what the outputs are measured against: which jacobian it is of, the number of calibration "
            "rows, their tail ratio, the smallest typicality there can be; truncated_rows, how many texts were cut",
        },
        "outputs": {
            "type": "array",
            "items": json_object({**_TENSOR, "parameters": _SCALARS, "data": {**_DATA, "items": {}}}, list(_TENSOR)),
        },
    },
    ["model_name", "model_version", "parameters", "outputs"],
)

INFER: dict[str, Any] = {
    "parameters": [
        {
            "name": LENGTH_HEADER.title(),
            "in": "header",
            "required": False,
            "description": "bytes of the body that are JSON, where binary data follow it; 0 where the body is the "
            "only input's FP32 numbers, UINT8 pixels or one text and nothing else, which is answered in binary",
            **_LENGTH,
        }
    ],
    "requestBody": {"required": True, "content": {**json_content(_REQUEST), **_BYTES}},
    "responses": {
        "200": {
            "description": "the outputs asked for, a value or vector per row; octet-stream where one of them is binary",
            "headers": {
                LENGTH_HEADER.title(): {"description": "bytes that are JSON, if not all are", **_LENGTH},
                **PREDICTION_ID,
            },
            "content": {**json_content(_ANSWER), **_BYTES},
        }
    },
}
"""An infer operation."""

_TENSORS = {"type": "array", "items": json_object(_TENSOR)}

SERVER_METADATA = json_answer(
    json_object({"name": {"type": "string"}, "version": {"type": "string"}, "extensions": _TEXTS}),
    "what this server is and has",
)
MODEL_LIST = json_answer(json_object({"models": _TEXTS}), "the models being served")
MODEL_METADATA = json_answer(
    json_object(
        {
            "name": {"type": "string"},
            "versions": _TEXTS,
            "platform": {"type": "string"},
            "inputs": _TENSORS,
            "outputs": _TENSORS,
            "properties": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "the model in words, its task (classification or ordinal) and, as JSON lists, its "
                "classes, which label and probabilities count, and a table's features, which the input and sensitivity "
                "count, but for its text, an input of its own; of other models what the signals are with_respect_to",
            },
        }
    ),
    "the model's tensors",
)
MODEL_READY = json_answer(json_object({"name": {"type": "string"}, "ready": {"const": True}}), "it is being served")

_LIVE = json_object({"live": {"type": "boolean"}})
_READY = json_object(
    {"ready": {"type": "boolean"}, "live": {"type": "boolean"}, "reason": {"type": "string"}}, ["ready", "live"]
)
LIVE = {**json_answer(_LIVE, "alive"), "503": {"description": "a run has hung", "content": json_content(_LIVE)}}
READY = {**json_answer(_READY, "ready"), "503": {"description": "not ready", "content": json_content(_READY)}}

REPOSITORY_INDEX: dict[str, Any] = {
    "requestBody": json_body(json_object({"ready": {"type": "boolean"}}, []), required=False),
    "responses": json_answer(
        {
            "type": "array",
            "items": json_object({name: {"type": "string"} for name in ("name", "version", "state", "reason")}),
        },
        "every version found",
    ),
}
REPOSITORY_CHANGE: dict[str, Any] = {
    "requestBody": json_body(
        json_object(
            {
                "parameters": {
                    "type": "object",
                    "properties": {
                        "unload_dependents": {
                            "type": ["boolean", "number", "string", "null"],
                            "description": "there are none",
                        }
                    },
                }
            },
            [],
        ),
        required=False,
    )
}
