"""A progress bar over steps whose number is known."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.progress import track

Step = TypeVar("Step")


def steps(parts: Sequence[Step], words: str, *, progress: bool) -> Iterator[Step]:
    """Yield `parts`, a bar called `words` moving on if `progress` is set."""
    yield from track(parts, words, disable=not progress)
