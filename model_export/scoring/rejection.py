"""Rows that were not scored, as they are set aside."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from model_export.scoring.source import Rejected

SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("row", pa.int64()),
        ("code", pa.string()),
        ("field", pa.string()),
        ("reason", pa.string()),
        ("content", pa.string()),
    ]
)
"""`row` is counted from 1, a header not included; `code`, `field` and `reason` are those of the service's errors."""


def content_of(row: Mapping[str, Any]) -> str:
    """Return a row as JSON by column; infinity and NaN as Python writes them."""
    return json.dumps(row, ensure_ascii=False, default=str)


def rejected_table(file: str, rejected: Sequence[Rejected]) -> pa.Table:
    """Return rejected rows as a table of `SCHEMA`, in the order of the file."""
    rows = [
        {
            "file": file,
            "row": row,
            "code": error.code,
            "field": error.field,
            "reason": error.message,
            "content": content,
        }
        for row, error, content in sorted(rejected, key=lambda one: one.row)
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)
