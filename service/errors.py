"""Everything the service refuses. What each error means over HTTP is decided in `service.protocol.error_responses`."""

from pathlib import Path
from typing import ClassVar


class ServiceError(Exception):
    """The base: a code for machines and a sentence for people, with the row and field at fault where there is one."""

    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, row: int | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.row = row
        self.field = field


class InvalidModelError(ServiceError):
    """A version folder cannot be served."""

    code = "invalid_model"

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"{folder} cannot be used: {reason}")


class RouteNotFoundError(ServiceError):
    """No such path."""

    code = "not_found"


class MethodNotAllowedError(ServiceError):
    """The path is known, the method is not."""

    code = "method_not_allowed"


class ModelNotFoundError(ServiceError):
    """No model of that name, or no such version of it, is being served."""

    code = "model_not_found"


class MalformedRequestError(ServiceError):
    """The body is not JSON, or not of the protocol's shape."""

    code = "malformed_request"


class EmptyBatchError(ServiceError):
    """There are no rows to predict."""

    code = "empty_batch"


class MissingFeatureError(ServiceError):
    """A row lacks a feature."""

    code = "missing_feature"


class UnknownFeatureError(ServiceError):
    """A row has a feature that the model does not know."""

    code = "unknown_feature"


class WrongTypeError(ServiceError):
    """A value is not of the type the model takes."""

    code = "wrong_type"


class NonFiniteValueError(ServiceError):
    """A value is missing where it may not be, infinite, or too large for float32."""

    code = "non_finite_value"


class BodyTooLargeError(ServiceError):
    """The body is over the limit in bytes."""

    code = "body_too_large"


class ClientGoneError(ServiceError):
    """The client hung up before its request was whole."""

    code = "client_gone"


class TooManyRowsError(ServiceError):
    """The request is over the limit in rows."""

    code = "too_many_rows"


class NonFiniteOutputError(ServiceError):
    """The model answered with a number that is not finite: a defect of the model, not of the request."""

    code = "non_finite_output"
