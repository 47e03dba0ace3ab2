import pytest

from tests.benchmarks.serving.wrk import GeneratorError, parse

LINE = (
    '{"requests": 600, "microseconds": 2000000, "p50": 900, "p90": 1200, "p99": 2500, '
    '"refused": 2, "connect": 1, "read": 3, "write": 0, "timeout": 4}'
)


def test_the_last_line_is_the_measurement() -> None:
    found = parse(f"Running 2s test @ http://127.0.0.1\n  300 requests in 2s\n{LINE}\n")
    assert found.rate == 300
    assert (found.p50_ms, found.p90_ms, found.p99_ms) == (0.9, 1.2, 2.5)
    assert (found.refused, found.broken) == (2, 8)


@pytest.mark.parametrize("printed", ["", "unable to connect", "{}", "[]", LINE.replace("600", "null")])
def test_anything_else_is_refused(printed: str) -> None:
    with pytest.raises(GeneratorError, match="no measurement"):
        parse(printed)
