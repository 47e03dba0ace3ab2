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
    """A version folder cannot be served.

    Args:
        folder: the version folder.
        reason: what keeps it from being served.
        passing: whether it may be otherwise at the next look although nothing changes: a file that cannot be read.
    """

    code = "invalid_model"

    def __init__(self, folder: Path, reason: str, *, passing: bool = False) -> None:
        super().__init__(f"{folder} cannot be used: {reason}")
        self.reason = reason
        self.passing = passing


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


class UnsupportedParameterError(ServiceError):
    """A parameter asks for a part of the protocol that is not here."""

    code = "unsupported_parameter"


class NonFiniteValueError(ServiceError):
    """A value is missing where it may not be, infinite, or too large for float32."""

    code = "non_finite_value"


class EmptyTextError(ServiceError):
    """There is nothing to read in a text."""

    code = "empty_text"


class InvalidImageError(ServiceError):
    """An image is broken, or not one that the model takes."""

    code = "invalid_image"


class TooManyPixelsError(ServiceError):
    """The images of a request are over the limit in pixels."""

    code = "too_many_pixels"


class BodyTooLargeError(ServiceError):
    """The body is over the limit in bytes."""

    code = "body_too_large"


class HeadTooLargeError(ServiceError):
    """The request line and headers are over the limit in bytes."""

    code = "head_too_large"


class ClientGoneError(ServiceError):
    """The client hung up before its request was whole."""

    code = "client_gone"


class TooManyRowsError(ServiceError):
    """The request is over the limit in rows."""

    code = "too_many_rows"


class OverloadedError(ServiceError):
    """More is waiting than can be answered in time.

    Args:
        retry_after: seconds after which it may be worth trying again.
    """

    code = "overloaded"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DeadlineError(ServiceError):
    """The request waited too long to be answered in time, and was given up."""

    code = "deadline_exceeded"


class NotReadyError(ServiceError):
    """The model is known but is not being served at the moment."""

    code = "not_ready"


class UnauthorizedError(ServiceError):
    """No API key came with the request, or none that is known."""

    code = "unauthorized"


class ForbiddenError(ServiceError):
    """What is asked for is turned off."""

    code = "forbidden"


class UnsupportedEncodingError(ServiceError):
    """The body is encoded in a way that is not read here."""

    code = "unsupported_encoding"


class TooSlowError(ServiceError):
    """The client did not send its request in time."""

    code = "request_timeout"


class NonFiniteOutputError(ServiceError):
    """The model answered with a number that is not finite: a defect of the model, not of the request."""

    code = "non_finite_output"


class FeedbackUnknownError(ServiceError):
    """No answer of that id is known here, or it is another model's."""

    code = "feedback_unknown"


class FeedbackExpiredError(ServiceError):
    """The answer is forgotten, or its version is gone."""

    code = "feedback_expired"


class FeedbackDuplicateError(ServiceError):
    """The row's true label was told before."""

    code = "feedback_duplicate"


class FeedbackRowError(ServiceError):
    """The answer has no such row."""

    code = "feedback_row"


class FeedbackLabelError(ServiceError):
    """The model has no such class."""

    code = "feedback_label"


ERROR_CODES = tuple(sorted({ServiceError.code, *(error.code for error in ServiceError.__subclasses__())}))
"""Every code there is."""


def shown(text: str, longest: int = 200) -> str:
    """Return what a client wrote, no longer than it is worth being repeated."""
    return text if len(text) <= longest else text[:longest] + "…"
