"""Parts that the descriptions of all operations are made of, and the errors that they have in common."""

from typing import Any, Final

Schema = dict[str, Any]


def json_object(properties: Schema, required: list[str] | None = None) -> Schema:
    """Return the schema of an object, all of whose properties are there unless `required` names fewer."""
    needed = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": needed}


def json_content(schema: Schema) -> Schema:
    """Return the content of a body that is JSON."""
    return {"application/json": {"schema": schema}}


def json_body(schema: Schema, *, required: bool = True) -> Schema:
    """Return a request body that is JSON."""
    return {"required": required, "content": json_content(schema)}


def json_answer(schema: Schema, description: str) -> Schema:
    """Return the responses of an operation that goes well."""
    return {"200": {"description": description, "content": json_content(schema)}}


PREDICTION_ID: Final[Schema] = {
    "X-Prediction-Id": {
        "description": "names the answer in feedback, if any is taken",
        "schema": {"type": "string"},
    }
}

_TEXT_ERROR: Final = json_object({"error": {"type": "string"}})
_OBJECT_ERROR: Final = json_object(
    {
        "error": json_object(
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
_RETRY: Final = {"retry-after": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}}}

_ALWAYS: Final = {500: "the model or the service is at fault"}
_WITH_KEYS: Final = {401: "no key came with the request, or none that is known"}
_OF_A_MODEL: Final = {404: "no such model or version", 503: "the model is known and not being served"}
_WITH_A_BODY: Final = {
    400: "the request is at fault; the error says where",
    408: "the body was not sent in time",
    413: "over the limit in bytes or rows",
    415: "the body's content-encoding is none of gzip, deflate and identity",
}
_OF_A_PREDICTION: Final = {
    503: "the model is not being served, or too much is waiting",
    504: "the request waited for as long as the deadline allows",
}
_OF_FEEDBACK: Final = {
    403: "feedback is not taken",
    404: "no such model, or no answer of that id is known here",
    409: "the row's true label was told before",
    410: "the answer is forgotten",
    503: "the model, or the worker that answered, is not there at the moment",
}
_OF_THE_REPOSITORY: Final = {403: "a parameter names model files or settings, which are not taken"}


def add_errors(path: str, operation: Schema, *, keys: bool) -> None:
    """Add to an operation's responses whatever can go wrong with it, in its protocol's error shape.

    Args:
        path: the operation's.
        operation: changed in place; a response that it describes itself stays.
        keys: whether clients need one.
    """
    meanings = dict(_ALWAYS)
    if keys:
        meanings |= _WITH_KEYS
    if "{name}" in path:
        meanings |= _OF_A_MODEL
    if "requestBody" in operation:
        meanings |= _WITH_A_BODY
        if path.startswith("/v2/repository/"):
            meanings |= _OF_THE_REPOSITORY
        else:
            meanings |= _OF_FEEDBACK if path.endswith(":feedback") else _OF_A_PREDICTION
    schema = _TEXT_ERROR if path.startswith("/v2") else _OBJECT_ERROR
    for status, meaning in sorted(meanings.items()):
        response: Schema = {"description": meaning, "content": json_content(schema)}
        if status in {503, 504}:
            response["headers"] = _RETRY
        operation["responses"].setdefault(str(status), response)
