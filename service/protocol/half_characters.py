"""Half characters: halves of surrogate pairs, which JSON can write and UTF-8 cannot."""

import json
from typing import Any, Final

LONGEST_LOOK: Final = 1 << 18
"""Bytes that Python's reader looks at; it holds every other thread up meanwhile, some 10 ms."""


def read_leniently(content: bytes | memoryview) -> Any:
    """Return what short JSON says, half characters and all; None where it is long or is no JSON."""
    if len(content) > LONGEST_LOOK:
        return None
    try:
        return json.loads(bytes(content))
    except (ValueError, RecursionError):
        return None


def half_of(value: object) -> str | None:
    """Return the first half character within `value`, as JSON writes it, or None."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        return f"\\u{ord(error.object[error.start]):04x}"
    except RecursionError:
        pass
    return None
