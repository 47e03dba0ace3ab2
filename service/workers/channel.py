"""What a worker and its supervisor tell each other, and the pair of connected sockets that it travels over."""

import asyncio
import socket
import struct
from typing import Protocol, Self

import msgspec

from service.errors import ServiceError
from service.monitoring.true_label import TrueLabel
from service.workers.snapshot import Family


class Started(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """A worker answers requests from now on."""

    process: str
    """what the ids of its answers begin with"""


class Report(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """A worker's metrics as they are now."""

    families: list[Family]
    alive: bool
    """whether replacing the worker would not help"""
    question: int | None = None
    """the `Ask` it answers; None for one that was due"""


class Ask(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """The supervisor wants a report now."""

    question: int


class Scrape(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """A worker was asked for the metrics of all."""

    question: int


class Exposition(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """The metrics of all, in Prometheus's text format."""

    question: int
    text: bytes


class Told(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """True labels of rows that other workers have answered: for the supervisor to pass on, and for each its own."""

    question: int
    model: str
    version: str | None
    labels: list[TrueLabel]


class Stopping(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """The whole service is told to stop, not this worker alone: nobody else will take who connects then."""


class Refusal(msgspec.Struct, array_like=True, frozen=True):
    """Why a true label was not counted."""

    code: str
    message: str


def refuse(error: ServiceError) -> Refusal:
    """Return an error as it travels."""
    return Refusal(error.code, error.message)


class Judged(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """What became of each; None is counted."""

    question: int
    verdicts: list[Refusal | None]


Message = Started | Report | Ask | Scrape | Exposition | Told | Judged | Stopping

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Message).decode

_LENGTH = struct.Struct("!I")


class Link(Protocol):
    """One end of what messages travel over."""

    def send(self, message: Message) -> None:
        """Send without waiting; to nobody if the other end is gone."""

    async def drained(self) -> None:
        """Wait until the other end keeps up."""

    async def receive(self) -> Message | None:
        """Return the next message, None when the other end is gone."""

    async def close(self) -> None:
        """Send what is still to be sent, then hang up."""


class Channel:
    """A link over a socket. Each message is its length in four bytes, then MessagePack."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Self:
        """Return the channel over one of two connected sockets, which is then the channel's."""
        return cls(*await asyncio.open_unix_connection(sock=end))

    def send(self, message: Message) -> None:
        """Send without waiting; to nobody if the other end is gone."""
        if not self._writer.is_closing():
            content = encode(message)
            self._writer.write(_LENGTH.pack(len(content)) + content)

    async def drained(self) -> None:
        """Wait until the other end keeps up."""
        try:
            await self._writer.drain()
        except ConnectionError:
            return

    async def receive(self) -> Message | None:
        """Return the next message, None when the other end is gone."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            message: Message = decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return message

    async def close(self) -> None:
        """Send what is still to be sent, then hang up."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return
