"""A load generator over raw HTTP/1.1: cheap enough not to be what is measured."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Outcome(NamedTuple):
    """What became of some requests."""

    statuses: Counter[int]
    """0 counts requests whose connection broke"""
    seconds: dict[int, list[float]]
    """latencies by status"""
    elapsed: float

    def percentile(self, status: int, share: float) -> float:
        """Return that percentile of the latencies, in seconds."""
        return float(np.percentile(self.seconds[status], share))


def request(url: str, path: str, body: bytes | None = None, headers: Sequence[str] = ()) -> bytes:
    """Return the bytes of one request."""
    method = "GET" if body is None else "POST"
    lines = [f"{method} {path} HTTP/1.1", f"host: {urlsplit(url).netloc}", *headers]
    if body is not None:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._received = b""
        self._needed = 0
        self._transport: asyncio.Transport | None = None
        self.closed = False

    @classmethod
    async def open(cls, url: str) -> "Connection":
        """Return a connection to the server."""
        parts = urlsplit(url)
        _, connection = await asyncio.get_running_loop().create_connection(cls, parts.hostname or "", parts.port or 80)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    async def ask(self, data: bytes) -> tuple[int, bytes]:
        """Return the status and the body of the answer.

        Raises:
            ConnectionError: if the connection breaks first.
        """
        if self.closed or self._transport is None:
            raise ConnectionResetError
        self._received, self._needed = b"", 0
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._needed:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            length = _LENGTH.search(self._received, 0, end)
            self._needed = end + 4 + int(length[1] if length else 0)
        if len(self._received) >= self._needed and self._answer is not None and not self._answer.done():
            status = int(self._received[9:12])
            self._answer.set_result((status, self._received[self._received.find(b"\r\n\r\n") + 4 :]))

    def connection_lost(self, _exc: Exception | None) -> None:
        self.closed = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError())

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


class _Book:
    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.seconds: dict[int, list[float]] = {}
        self.started = perf_counter()

    def note(self, status: int, seconds: float) -> None:
        self.statuses[status] += 1
        self.seconds.setdefault(status, []).append(seconds)

    def outcome(self) -> Outcome:
        return Outcome(self.statuses, self.seconds, perf_counter() - self.started)


async def closed_loop(url: str, data: bytes, connections: int, requests: int) -> Outcome:
    """Send `requests` in all over so many connections, each its next request when the last is answered."""
    book, left = _Book(), requests

    async def work() -> None:
        nonlocal left
        connection = await Connection.open(url)
        while left > 0:
            left -= 1
            started = perf_counter()
            try:
                status, _ = await connection.ask(data)
            except ConnectionError:
                status = 0
                connection = await Connection.open(url)
            book.note(status, perf_counter() - started)
        connection.close()

    await asyncio.gather(*(work() for _ in range(connections)))
    return book.outcome()


async def open_loop(url: str, data: bytes, rate: float, seconds: float) -> Outcome:
    """Send `rate` requests a second whatever becomes of them; latency counts from when each was due."""
    book = _Book()
    idle: list[Connection] = []
    tasks = set()

    async def one(due: float) -> None:
        try:
            connection = idle.pop() if idle else await Connection.open(url)
            status, _ = await connection.ask(data)
            idle.append(connection)
        except ConnectionError:
            status = 0
        book.note(status, perf_counter() - due)

    for index in range(round(rate * seconds)):
        due = book.started + index / rate
        if (pause := due - perf_counter()) > 0:
            await asyncio.sleep(pause)
        task = asyncio.create_task(one(due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    for connection in idle:
        connection.close()
    return book.outcome()
