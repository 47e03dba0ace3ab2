from io import BytesIO

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import csv as arrow_csv

from model_export.scoring.csv_records import RecordFinder

NAMES = ("a", "b")
pieces = st.sampled_from(
    [b"x", b",", b'"', b'""', b"\n", b"\r\n", b"\r", b" ", b"\n\n", b'"x\ny"', b"1,2\n", b'"a,b",c\r\n']
)


def rows_of(content: bytes) -> list[tuple[bytes, ...]]:
    """Rows of two values as the reader has them, and the texts of the others, in order."""
    others: list[tuple[int, bytes]] = []

    def keep(row: arrow_csv.InvalidRow) -> str:
        others.append((row.number - 1, row.text.encode()))
        return "skip"

    if not content.strip(b"\r\n"):
        return []
    table = arrow_csv.read_csv(
        BytesIO(content),
        arrow_csv.ReadOptions(use_threads=False, column_names=NAMES, block_size=1 << 16),
        arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=keep),
        arrow_csv.ConvertOptions(column_types=dict.fromkeys(NAMES, pa.binary()), strings_can_be_null=False),
    )
    rows = [tuple(row.values()) for row in table.to_pylist()]
    for place, text in others:
        rows.insert(place, (text,))
    return rows


@given(st.lists(pieces, max_size=30).map(b"".join), st.integers(1, 12))
def test_chunks_have_the_rows_of_the_whole(content: bytes, size: int) -> None:
    finder = RecordFinder(",")
    found, counted, rest, start = [], 0, b"", 0
    while piece := rest + (read := content[start : start + size]):
        start += len(read)
        stop, rows = finder.find(piece, last=not read)
        if not stop and not read:
            return  # a quotation mark is never closed: refused
        found += rows_of(piece[:stop])
        counted += rows
        rest = piece[stop:]
    assert found == rows_of(content)
    assert counted == len(found)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"1,2\n\n\r\n3,4", (7, 1)),
        (b'1,"a\n', (0, 0)),
        (b'1,5" pipe\n"a\n""b",2\n3', (20, 2)),
        (b"1,2\r3,4\r", (4, 1)),
        (b"1,2\r\n3,4\r", (5, 1)),
    ],
)
def test_what_may_go_on_is_left_for_later(content: bytes, expected: tuple[int, int]) -> None:
    assert RecordFinder(",").find(content, last=False) == expected
