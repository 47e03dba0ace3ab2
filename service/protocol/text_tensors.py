"""Texts as a tensor of an infer request: BYTES, as JSON's strings or each behind its length."""

from collections.abc import Sequence
from typing import ClassVar, Final

import msgspec

from service.errors import MalformedRequestError, WrongTypeError, shown
from service.inference.rows import check_count, tokens_of
from service.inference.tokenizer import TextTokenizer
from service.protocol.binary_tensors import check_length
from service.protocol.infer_request import RequestTensor
from service.protocol.tensor_data import Taken, json_of

TEXT_TENSOR: Final = "text"
"""What the input of every model of texts is called."""

_LENGTH: Final = 4
"""Bytes of the unsigned little-endian number before each text."""

_FLAT = msgspec.json.Decoder(list[str])
_NESTED = msgspec.json.Decoder(list[tuple[str]])


class TextTensor:
    """Reads the input of a model of texts.

    Args:
        tokenizer: the model's.
        max_rows: most rows in one request.
    """

    heavy: ClassVar = True
    names: ClassVar = (TEXT_TENSOR,)

    def __init__(self, tokenizer: TextTokenizer, max_rows: int) -> None:
        self._tokenizer = tokenizer
        self._max_rows = max_rows

    def read(self, tensors: Sequence[RequestTensor], binary: memoryview) -> Taken:
        """Return the rows [N, max_tokens] of a tensor of texts [N] or [N, 1], and which of the texts were cut.

        Raises:
            ServiceError: if its datatype, shape or data is wrong, or a text is.
        """
        [tensor] = tensors
        return self._taken(read_texts(tensor, binary, self._max_rows))

    def read_raw(self, binary: memoryview) -> Taken:
        """Return the one row in a body that is a text in UTF-8, without a length before it.

        Raises:
            ServiceError: if it is no UTF-8, or says nothing.
        """
        return self._taken([_decoded(bytes(binary), 0, TEXT_TENSOR)])

    def _taken(self, texts: list[str]) -> Taken:
        tokens = tokens_of(texts, self._tokenizer, TEXT_TENSOR)
        return Taken(tokens.rows, tokens.truncated)


def read_texts(tensor: RequestTensor, binary: memoryview, max_rows: int) -> list[str]:
    """Return the texts of a tensor [N] or [N, 1], whatever they say.

    Args:
        tensor: its data are its JSON or `binary`.
        binary: the bytes that are its data, if any are.
        max_rows: most rows in one request.

    Raises:
        ServiceError: if its datatype, shape or data is wrong.
    """
    if tensor.datatype != "BYTES":
        raise WrongTypeError(
            f"{tensor.name} has datatype {shown(tensor.datatype)!r}: send BYTES, which is texts in UTF-8",
            field=tensor.name,
        )
    shape = tensor.shape
    if len(shape) not in {1, 2} or shape[0] < 0 or shape[1:] not in ([], [1]):
        raise WrongTypeError(
            f"{tensor.name} has shape {shown(str(shape[:100]))}: send [rows] or [rows, 1]", field=tensor.name
        )
    check_count(shape[0], max_rows)
    json = json_of(tensor, binary)
    return _from_bytes(tensor, binary) if json is None else _from_json(tensor, json)


def _from_json(tensor: RequestTensor, data: bytes) -> list[str]:
    """Return texts from their JSON, flat or each in a list of its own."""
    nested = len(tensor.shape) == 2 and data[1:].lstrip().startswith(b"[")
    try:
        texts = [text for (text,) in _NESTED.decode(data)] if nested else _FLAT.decode(data)
    except UnicodeDecodeError as error:
        raise MalformedRequestError(f"the data of {tensor.name} is not UTF-8: {error}", field=tensor.name) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise WrongTypeError(
            f"the data of {tensor.name} is not texts: {shown(str(error))}", field=tensor.name
        ) from None
    _check_number(tensor, len(texts))
    return texts


def _from_bytes(tensor: RequestTensor, binary: memoryview) -> list[str]:
    """Return texts from bytes, each behind its length."""
    check_length(tensor, binary)
    texts: list[str] = []
    start = 0
    for row in range(tensor.shape[0]):
        if start == len(binary):
            break
        begin = start + _LENGTH
        length = int.from_bytes(binary[start:begin], "little")
        start = begin + length
        if start > len(binary):
            raise MalformedRequestError(
                f"row {row} of {tensor.name} has {length} bytes by the {_LENGTH} before it, and the body has "
                f"{max(len(binary) - begin, 0)} left",
                row=row,
                field=tensor.name,
            )
        texts.append(_decoded(bytes(binary[begin:start]), row, tensor.name))
    _check_number(tensor, len(texts))
    if start < len(binary):
        raise WrongTypeError(
            f"{len(binary) - start} bytes follow the texts of {tensor.name}, and its shape is {tensor.shape}",
            field=tensor.name,
        )
    return texts


def _decoded(content: bytes, row: int, name: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise MalformedRequestError(f"row {row} is not UTF-8: {error}", row=row, field=name) from None


def _check_number(tensor: RequestTensor, texts: int) -> None:
    if texts != tensor.shape[0]:
        raise WrongTypeError(
            f"{tensor.name} has {texts} texts and its shape {tensor.shape} needs {tensor.shape[0]}", field=tensor.name
        )
