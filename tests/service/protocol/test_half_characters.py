import json
from typing import Any

import pytest

from service.protocol.half_characters import half_of, read_leniently

DEEP: Any = "a"
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("value", "half"),
    [
        ("a\ud800b", "\\ud800"),
        (["🙂", {"text": "\udc00"}], "\\udc00"),
        ({"\udfff": 1}, "\\udfff"),
        ("🙂 \\ud800", None),
        ([1, None, "שלום", float("nan")], None),
    ],
)
def test_finds_the_first_half_wherever_it_stands(value: object, half: str | None) -> None:
    assert half_of(value) == half


def test_what_is_too_deep_to_be_looked_into_has_none() -> None:
    assert half_of(DEEP) is None


def test_reads_what_strict_readers_refuse_if_it_is_short() -> None:
    content = b'["\\ud800"]'
    assert read_leniently(content) == read_leniently(memoryview(content)) == ["\ud800"]
    assert read_leniently(json.dumps(["\ud800", "a" * 2**18]).encode()) is None
    for other in (b"", b'["a', b'["\xff"]', b"[" * 100_000):
        assert read_leniently(other) is None
