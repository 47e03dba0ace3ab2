"""Threads that read what takes too long to be read on the event loop: texts and images."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from math import ceil
from time import perf_counter
from typing import Any, NamedTuple

from numpy.typing import NDArray

from service.errors import OverloadedError

MOST_HELD_BYTES = 512 * 2**20
"""Bytes that the rows of requests and their scores may take together; one request is taken whatever it takes."""

_MOST_BODIES = 16
"""As many bodies of the greatest size may wait."""

_IN_HAND = 0.85
"""Share of the deadline that estimates may fill: the rest is for their being wrong."""

_MEMORY = 0.95
"""Weight of the past in the time that a byte takes."""


class Read(NamedTuple):
    """The rows of a body, and the time it took to read them."""

    rows: NDArray[Any]
    seconds: float


class Decoders:
    """Reads bodies in threads, and refuses what could not be read in time or held in memory.

    To be used from one event loop.

    Args:
        threads: how many bodies are read at a time.
        deadline: seconds within which a request must be answered or refused.
        max_body_bytes: of one body.
    """

    def __init__(self, threads: int, deadline: float, max_body_bytes: int) -> None:
        self.deadline = deadline
        self._threads = threads
        self._most_bytes = _MOST_BODIES * max_body_bytes
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decoder")
        self._waiting_bytes = 0
        """of bodies that wait or are being read"""
        self._held_bytes = 0
        self._seconds, self._bytes = 0.0, 0.0
        """of what was read of late"""

    @property
    def expected_wait(self) -> float:
        """Seconds until what waits now should be read."""
        pace = self._seconds / self._bytes if self._bytes else 0.0
        return self._waiting_bytes * pace / self._threads

    @property
    def saturated(self) -> bool:
        """Whether the next request is likely to be refused."""
        return (
            self.expected_wait > 0.75 * self.deadline
            or self._waiting_bytes > 0.9 * self._most_bytes
            or self._held_bytes > 0.9 * MOST_HELD_BYTES
        )

    def check(self, size: int = 0) -> None:
        """Refuse what could not be read in time, or for which there is no memory.

        Args:
            size: bytes of the body, as far as it is here.

        Raises:
            OverloadedError: if so much is waiting.
        """
        if not self._waiting_bytes:
            return  # whatever the pace was: only reading can tell what it is now
        wait = self.expected_wait
        if wait > _IN_HAND * self.deadline or self._waiting_bytes + size > self._most_bytes:
            raise OverloadedError(
                f"{self._waiting_bytes} bytes of other requests wait to be read, which should take {wait:.3g} s: try "
                "again later",
                retry_after=max(ceil(wait), 1),
            )

    def submit(self, read: Callable[[bytes], NDArray[Any]], body: bytes) -> "asyncio.Future[Read]":
        """Return the rows to come of a body; cancel them when nobody waits any more.

        The future raises what `read` raises.

        Raises:
            OverloadedError: if the body cannot wait.
        """
        size = len(body)
        self.check(size)
        future = asyncio.get_running_loop().run_in_executor(self._pool, _timed, read, body)
        self._waiting_bytes += size
        # However it ends: cancelled by a client that hung up, refused, or read.
        future.add_done_callback(partial(self._leave, size))
        return future

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Count the memory of a request's rows and of their scores, from when they are read until it is answered.

        Args:
            size: bytes.

        Raises:
            OverloadedError: if there is none beside that of others.
        """
        if self._held_bytes and self._held_bytes + size > MOST_HELD_BYTES:
            raise OverloadedError(
                f"{self._held_bytes} bytes of rows and scores are held for other requests, and {size} more would be "
                f"over {MOST_HELD_BYTES}: try again later, or send fewer rows",
                retry_after=1,
            )
        self._held_bytes += size
        try:
            yield
        finally:
            self._held_bytes -= size

    def close(self) -> None:
        """Let the threads end after what they read now."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _leave(self, size: int, read: "asyncio.Future[Read]") -> None:
        self._waiting_bytes -= size
        if not read.cancelled() and read.exception() is None:
            self._seconds = _MEMORY * self._seconds + read.result().seconds
            self._bytes = _MEMORY * self._bytes + size


def _timed(read: Callable[[bytes], NDArray[Any]], body: bytes) -> Read:
    started = perf_counter()
    rows = read(body)
    return Read(rows, perf_counter() - started)
