"""What plays a worker in its own process, badly."""

import asyncio
import signal
import socket
import sys

from service.listener import Listener
from service.settings import Settings
from service.workers.channel import Channel, Report, Started
from service.workers.snapshot import Family, Sample


def _play(end: socket.socket, *, alive: bool) -> None:
    async def play() -> None:
        channel = await Channel.over(end)
        channel.send(Report([Family("rows", "Rows.", "counter", [Sample("rows_total", {}, 3.0)])], alive))
        channel.send(Started("0123456789abcdef"))
        while await channel.receive() is not None:
            pass

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    asyncio.run(play())


def hung_run(_settings: Settings, _listener: Listener, end: socket.socket) -> None:
    """Say that the engine has hung, and leave when told to."""
    _play(end, alive=False)


def silent(_settings: Settings, _listener: Listener, end: socket.socket) -> None:
    """Start, and then say nothing more."""
    _play(end, alive=True)


def dead(_settings: Settings, _listener: Listener, _end: socket.socket) -> None:
    """End at once."""
    sys.exit(3)
