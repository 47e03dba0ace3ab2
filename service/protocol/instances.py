"""The friendly protocol's instances of a table: to rows."""

import json
import re
from collections.abc import Iterator
from difflib import get_close_matches
from math import isfinite
from typing import Any, ClassVar, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.errors import (
    MalformedRequestError,
    MissingFeatureError,
    NonFiniteValueError,
    ServiceError,
    UnknownFeatureError,
    WrongTypeError,
    shown,
)
from service.inference.rows import check_count, check_values
from service.inputs import TableInput
from service.protocol.half_characters import LONGEST_LOOK, read_leniently
from service.protocol.predict_codec import LONGEST_NAME, NO_PARAMETERS, Asked, kind_of, read_sensitivity

_SHAPE: Final = 'send {"instances": [...]}, each instance an object by feature name or a list of numbers'

_NOT_FINITE = (
    re.compile(rb"NaN(?<=[\[:,\s]NaN)(?=[\s,\]}])"),
    re.compile(rb"Infinity(?<=[\[:,\s-]Infinity)(?=[\s,\]}])"),
)
"""What JSON does not know and many write. A pattern each, beginning with its letters: so they are searched for fast."""


class _Counted(msgspec.Struct):
    instances: list[msgspec.Raw]


_COUNTER = msgspec.json.Decoder(_Counted)


class TableReader:
    """Reads `{"instances": [...]}` for one model of tables.

    The decoder is compiled for the model's features, so that a good body is decoded and checked in one pass; only the
    instance at fault of a bad one is looked at again, slowly, to say precisely what is wrong with it.

    Args:
        table: what the model takes.
        max_rows: most rows in one request.
    """

    heavy: ClassVar = False
    _value: ClassVar[Any] = float | None
    """What a value is decoded as."""

    def __init__(self, table: TableInput, max_rows: int) -> None:
        self._table = table
        self._max_rows = max_rows
        fields = [(f"feature_{index}", self._value) for index in range(len(table.features))]
        left_out = [(f"ignored_{index}", msgspec.Raw, NO_PARAMETERS) for index in range(len(table.ignored))]
        names = [field for field, _ in fields] + [field for field, *_ in left_out]
        row = msgspec.defstruct(
            "Row",
            [*fields, *left_out],
            rename=dict(zip(names, (*table.names, *table.ignored), strict=True)),
            forbid_unknown_fields=True,
            gc=False,
        )
        instances = list[row | list[self._value]]  # type: ignore[valid-type,name-defined]
        body = msgspec.defstruct("Body", [("instances", instances), ("parameters", msgspec.Raw, NO_PARAMETERS)])
        self._decoder = msgspec.json.Decoder(body)

    def read(self, body: bytes) -> Asked:
        """Return the rows [N, features] of a request body; null becomes NaN.

        Raises:
            ServiceError: what is wrong with the body, and in which row and field.
        """
        try:
            # More brackets than rows allowed may be too many rows, which are counted before they are decoded.
            if body.count(b"[") + body.count(b"{") > self._max_rows + 2:
                check_count(len(_COUNTER.decode(body).instances), self._max_rows)
            asked: Any = self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._diagnose(body, error) from None
        instances: list[Any] = asked.instances
        check_count(len(instances), self._max_rows)
        values = [row if type(row) is list else msgspec.structs.astuple(row) for row in instances]
        width = len(self._table.features)
        if self._table.ignored:
            values = [value if type(value) is list else value[:width] for value in values]
        for row, value in enumerate(values):
            if len(value) != width:
                raise next(self._faults(row, value))
        with np.errstate(over="ignore"):
            rows = self._rows(values)
        return self._asked(rows, values, read_sensitivity(asked.parameters, otherwise=True))

    def _asked(self, rows: NDArray[np.float32], _values: list[Any], sensitivity: bool) -> Asked:
        """Return what is asked of rows [N, features], once they are checked."""
        check_values(rows, self._table)
        return Asked(rows, sensitivity)

    def _rows(self, values: list[Any]) -> NDArray[np.float32]:
        """Return rows [N, features] of decoded ones."""
        return np.array(values, dtype=np.float32)

    def _diagnose(self, body: bytes, error: Exception) -> ServiceError:
        """Return what is wrong with a body that the decoder refused; a large one must not keep the event loop."""
        text = body
        for pattern in _NOT_FINITE:
            # A number too large is as wrong, and can be pointed at.
            text = pattern.sub(b"1e999", text)
        if text != body:
            try:
                self._decoder.decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as clearer:
                error = clearer
        if not isinstance(error, msgspec.ValidationError):
            return self._diagnose_lenient(body) or MalformedRequestError(f"the body is not JSON: {error}")
        # Only the end is a path for certain: before it a name may stand that a client made up.
        _, within, path = str(error).rpartition(" - at `$.instances[")
        if not within:
            return MalformedRequestError(f"the body has no list of instances: {_SHAPE}")
        row = int(path.partition("]")[0])
        unclear = MalformedRequestError(f"{shown(str(error))}: {_SHAPE}", row=row)
        try:
            raw = bytes(_COUNTER.decode(text).instances[row])
            if len(raw) > LONGEST_LOOK:
                return unclear
            # Python's own reader takes numbers that are too large for a float.
            instance = json.loads(raw)
        except msgspec.DecodeError as malformed:
            return MalformedRequestError(f"the body is not JSON: {malformed}")
        except (ValueError, IndexError, RecursionError):
            return unclear
        return next(self._faults(row, instance), unclear)

    def _diagnose_lenient(self, body: bytes) -> ServiceError | None:
        """Return what is wrong with a short body that Python's reader takes for JSON, half characters and all."""
        content = read_leniently(body)
        instances = content.get("instances") if isinstance(content, dict) else None
        rows = enumerate(instances if isinstance(instances, list) else ())
        return next((fault for row, instance in rows for fault in self._faults(row, instance)), None)

    def _faults(self, row: int, instance: object) -> Iterator[ServiceError]:
        """Yield what is wrong with an instance."""
        names = self._table.names
        values: dict[str, Any] = {}
        if isinstance(instance, dict):
            yield from _name_faults(row, instance, self._table)
            values = {name: instance[name] for name in names if name in instance}
        elif isinstance(instance, list):
            if len(instance) != len(names):
                yield WrongTypeError(
                    f"row {row} has {len(instance)} values and the model takes {len(names)}: {', '.join(names)}",
                    row=row,
                )
            values = dict(zip(names, instance, strict=False))
        else:
            yield WrongTypeError(f"row {row} is {kind_of(instance)}: {_SHAPE}", row=row)
        for name, value in values.items():
            yield from self._value_faults(row, name, value)

    def _value_faults(self, row: int, name: str, value: object) -> Iterator[ServiceError]:
        """Yield what is wrong with the value of a feature."""
        yield from number_faults(row, name, value)


def number_faults(row: int, name: str, value: object) -> Iterator[ServiceError]:
    """Yield what is wrong with a value that is to be a number, or null."""
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        yield WrongTypeError(
            f"{name} of row {row} is {kind_of(value)}: send a number, or null where it is unknown", row=row, field=name
        )
    elif isinstance(value, float) and not isfinite(value):
        yield NonFiniteValueError(
            f"{name} of row {row} is not finite: send a number, or null where it is unknown", row=row, field=name
        )


def _name_faults(row: int, instance: dict[str, Any], table: TableInput) -> Iterator[ServiceError]:
    names = table.names
    absent = [name for name in names if name not in instance]
    known = {*names, *table.ignored}
    for name in instance:
        if name not in known:
            unknown = shown(name, LONGEST_NAME)
            spelt = {name.casefold(): name for name in absent or names}
            near = get_close_matches(unknown.casefold(), spelt, n=1, cutoff=0.5)
            hint = f"did you mean {spelt[near[0]]!r}?" if near else f"the model takes {', '.join(names)}"
            yield UnknownFeatureError(f"row {row} has an unknown feature {unknown!r}: {hint}", row=row, field=unknown)
    if absent:
        yield MissingFeatureError(
            f"row {row} lacks {', '.join(absent)}: send every feature, null where its value is unknown",
            row=row,
            field=absent[0],
        )
