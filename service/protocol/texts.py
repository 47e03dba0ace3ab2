"""The friendly protocol's instances of a text: to rows."""

from typing import ClassVar, Final

import msgspec

from service.errors import (
    MalformedRequestError,
    MissingFeatureError,
    ServiceError,
    UnknownFeatureError,
    WrongTypeError,
    shown,
)
from service.inference.rows import check_count, tokens_of
from service.inference.tokenizer import TextTokenizer
from service.inputs import TextInput
from service.protocol.half_characters import half_of, read_leniently
from service.protocol.predict_codec import (
    LONGEST_NAME,
    NO_PARAMETERS,
    Asked,
    check_sensitivities,
    kind_of,
    read_sensitivity,
)

_SHAPE: Final = 'send {"instances": [...]}, each instance a text or {"text": "..."}'


class _Text(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    text: str


class _Body(msgspec.Struct):
    instances: list[str | _Text]
    parameters: msgspec.Raw = NO_PARAMETERS


class _Counted(msgspec.Struct):
    instances: list[msgspec.Raw]


_BODIES = msgspec.json.Decoder(_Body)
_COUNTER = msgspec.json.Decoder(_Counted)
_INSTANCES = msgspec.json.Decoder(str | _Text)
_ANYTHING = msgspec.json.Decoder()


class TextReader:
    """Reads `{"instances": [...]}` for one model of texts.

    Args:
        text: what the model takes.
        tokenizer: the model's.
        max_rows: most rows in one request.
    """

    heavy: ClassVar = True

    def __init__(self, text: TextInput, tokenizer: TextTokenizer, max_rows: int) -> None:
        self._text = text
        self._tokenizer = tokenizer
        self._max_rows = max_rows

    def read(self, body: bytes) -> Asked:
        """Return the rows [N, max_tokens] of a request body, and which of its texts were cut.

        Raises:
            ServiceError: what is wrong with the body, and in which row.
        """
        try:
            found = _BODIES.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _diagnose(body, error) from None
        check_count(len(found.instances), self._max_rows)
        sensitivity = read_sensitivity(found.parameters, otherwise=False)
        if sensitivity:
            check_sensitivities(len(found.instances), self._text)
        texts = [instance if isinstance(instance, str) else instance.text for instance in found.instances]
        tokens = tokens_of(texts, self._tokenizer)
        return Asked(tokens.rows, sensitivity, tokens.truncated)


def _diagnose(body: bytes, error: Exception) -> ServiceError:
    """Return what is wrong with a body that the decoder refused."""
    try:
        instances = _COUNTER.decode(body).instances
    except msgspec.ValidationError:
        return MalformedRequestError(f"the body has no list of instances: {_SHAPE}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as malformed:
        return _half_character(body) or MalformedRequestError(f"the body is not JSON: {malformed}")
    for row, instance in enumerate(instances):
        try:
            _INSTANCES.decode(instance)
        except UnicodeDecodeError as unreadable:
            return MalformedRequestError(f"row {row} is not UTF-8: {unreadable}", row=row)
        except msgspec.ValidationError:
            return _fault(row, instance)
        except (msgspec.DecodeError, RecursionError) as malformed:
            return MalformedRequestError(f"row {row} is not JSON: {malformed}", row=row)
    return MalformedRequestError(f"the body is not JSON: {shown(str(error))}")


def _fault(row: int, content: msgspec.Raw) -> ServiceError:
    """Return what is wrong with an instance that is neither a text nor holds just one."""
    try:
        instance = _ANYTHING.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return MalformedRequestError(f"row {row} is no text, and cannot be read ({error}): {_SHAPE}", row=row)
    if not isinstance(instance, dict):
        return WrongTypeError(f"row {row} is {kind_of(instance)}: {_SHAPE}", row=row)
    if "text" not in instance:
        return MissingFeatureError(f"row {row} has no text: {_SHAPE}", row=row, field="text")
    if not isinstance(instance["text"], str):
        return WrongTypeError(
            f"text of row {row} is {kind_of(instance['text'])}: send a text in quotation marks", row=row, field="text"
        )
    unknown = shown(next(name for name in instance if name != "text"), LONGEST_NAME)
    return UnknownFeatureError(
        f"row {row} has {unknown!r} beside its text: send the text alone", row=row, field=unknown
    )


def _half_character(body: bytes) -> ServiceError | None:
    """Return the error that a text holds half a surrogate pair, if that is what is wrong with a short body."""
    content = read_leniently(body)
    instances = content.get("instances") if isinstance(content, dict) else None
    for row, instance in enumerate(instances if isinstance(instances, list) else ()):
        if half := half_of(instance):
            return MalformedRequestError(
                f"row {row} has {half}, half of a surrogate pair and no character: send both halves, or neither",
                row=row,
            )
    return None
