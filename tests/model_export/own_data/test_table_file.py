"""Files as people have them: what is read of them, and what is said of those that cannot be read."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model_export.errors import DataError
from model_export.own_data import memory, table_file
from model_export.own_data.table_file import read_file

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: bytes | str, name: str = "table.csv") -> Path:
        file = tmp_path / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    return write


def test_csv_is_read_as_texts_with_none_where_a_value_is_missing(write: Write) -> None:
    frame, notes = read_file(write('a,b b,c\n1, x y ,"z, ""é"""\nNA,?,\n007,null,n/a\n'))
    assert list(frame.columns) == ["a", "b b", "c"]
    assert frame["a"].tolist()[::2] == ["1", "007"]
    assert frame.iloc[0].tolist() == ["1", "x y", 'z, "é"']
    assert frame.isna().sum().tolist() == [1, 2, 2]
    assert notes == ()


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("a;b\n1,5;x\n-2;y\n", "semicolons"),
        ("a\tb\n1.5\tx\n-2\ty\n", "tabs"),
        ("a|b\n1.5|x\n-2|y\n", "vertical bars"),
        ("\ufeffa;b\r\n1,5;x\r\n-2;y\r\n", "semicolons"),
    ],
)
def test_other_delimiters_are_found_and_said(write: Write, content: str, note: str) -> None:
    frame, notes = read_file(write(content))
    assert frame["a"].tolist() == ["1.5", "-2"]
    assert frame["b"].tolist() == ["x", "y"]
    assert note in notes[0]


def test_a_value_may_span_lines(write: Write) -> None:
    assert read_file(write('a,b\n1,"x\ny"\n2,z\n')).frame["b"].tolist() == ["x\ny", "z"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("\n\n", "has no header"),
        ("a,b\n", "has a header and no rows"),
        ("a,b", "has a header and no rows"),
        ("a,,b\n1,2,3\n", "column 2 of .* has no name: give it one in the header"),
        ("a,b,a\n1,2,3\n", r"has the column 'a' 2 times \(1, 3\): rename all but one"),
        ('a,"b""c"\n1,2\n', "without quotation marks"),
        ("a,b\n1,2\n1,2,3\n", "row 2 of .* has 3 values and the header 2 names"),
        ("a,b\n1,2\n1\n", "row 2 of .* has 1 values and the header 2 names"),
        (b"a,b\n1,caf\xe9\n", "is not UTF-8: line 2 has the byte 0xe9 at position 6; convert it"),
        ("a,b\n1,2\n".encode("utf-16"), "is in UTF-16: write it in UTF-8"),
        (b"\x1f\x8b\x00\x00rest", "holds zero bytes: it is neither CSV nor Parquet"),
        (b"PAR1 and no more", "begins as a Parquet file and cannot be read as one"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_what_to_do(write: Write, content: bytes | str, words: str) -> None:
    file = write(content)
    with pytest.raises(DataError, match=words) as refused:
        read_file(file)
    assert str(file) in str(refused.value)


def test_a_hundred_thousand_columns_are_counted_and_refused(write: Write) -> None:
    names = ",".join(f"c{column}" for column in range(100_000))
    with pytest.raises(DataError, match="has 100000 columns and at most 5000 are taken"):
        read_file(write(f"{names}\n{','.join('1' * 100_000)}\n"))


def test_a_file_that_is_not_there_or_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv cannot be read: No such file"):
        read_file(tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match="is not a file"):
        read_file(tmp_path)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_larger_than_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    frame = pd.DataFrame({"a": range(20_000), "b": range(20_000)})
    file = tmp_path / f"large.{kind}"
    if kind == "csv":
        frame.to_csv(file, index=False)
    else:
        frame.to_parquet(file)
    monkeypatch.setattr(memory, "available_bytes", lambda: 1e6)
    monkeypatch.setattr(table_file, "read_csv", lambda *_: pytest.fail("it was read"))
    with pytest.raises(
        DataError, match=r"holds \d+ kB, which takes about .* MB of memory .* and 1 MB are free: give a"
    ):
        read_file(file)


def test_an_index_that_pandas_kept_is_no_column(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1, 2]}, index=[7, 3]).to_parquet(tmp_path / "table.parquet")
    assert list(read_file(tmp_path / "table.parquet").frame.columns) == ["a"]


def test_what_is_free_is_known_here() -> None:
    free = memory.available_bytes()
    assert free is None or free > 1e6
    assert memory.in_words(1.25e10) == "12.5 GB"


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2], "t": ["1", "2"], "b": [True, False], "d": pd.Timestamp("2020-01-01")})
    frame.to_parquet(tmp_path / "table")
    found = read_file(tmp_path / "table").frame
    assert [dtype.kind for dtype in (found["n"].dtype, found["b"].dtype, found["d"].dtype)] == ["i", "b", "M"]
    assert found["t"].tolist() == ["1", "2"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pa.table({"a": pa.array([], pa.int64())}), "has 1 columns and no rows"),
        (pa.table({"a": [[1], [2]]}), "column 'a' .* holds list<.*>, which is no single value"),
        (pa.table({"a": [b"x"]}), "column 'a' .* holds binary"),
        (pa.table([[1], [2]], ["a", "a"]), "has the column 'a' 2 times"),
    ],
)
def test_parquet_that_is_no_table_is_refused(tmp_path: Path, table: pa.Table, words: str) -> None:
    pq.write_table(table, tmp_path / "table.parquet")
    with pytest.raises(DataError, match=words):
        read_file(tmp_path / "table.parquet")
