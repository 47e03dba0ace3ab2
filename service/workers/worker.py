"""A worker as its supervisor sees it."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from time import monotonic

from service.listener import Listener
from service.settings import Settings
from service.workers.channel import Channel, Link, Message, Stopping
from service.workers.fleet_metrics import FleetMetrics
from service.workers.peer import Others, Peer

_log = logging.getLogger(__name__)

Work = Callable[[Settings, Listener, socket.socket], None]
"""What a worker runs: given the settings, where to listen and its end of the channel."""

SILENT_SECONDS = 60.0
"""A worker that answers requests and has not reported for so long, being due every second, hangs."""

EXIT_SECONDS = 10.0
"""A worker that has hung up has this long to end."""


class Worker(Peer):
    """One process, from its start to its end.

    It is spawned, not forked: none of the supervisor's threads, locks and signal handlers is in it, and one that
    replaces another starts as fresh as the first did.
    """

    def __init__(self, process: BaseProcess, end: socket.socket, metrics: FleetMetrics) -> None:
        if process.pid is None:
            raise ValueError("the process has not been started")
        super().__init__(process.pid, metrics)
        self.pid = process.pid
        self._process = process
        self._end = end
        self._channel: Channel | None = None
        self._dismissed = False
        self._born = monotonic()

    @classmethod
    def spawn(cls, work: Work, settings: Settings, listener: Listener, metrics: FleetMetrics) -> "Worker":
        """Start a process.

        Raises:
            OSError: if the system has not enough for one more.
        """
        ours, theirs = socket.socketpair()
        process = get_context("spawn").Process(target=work, args=(settings, listener, theirs))
        try:
            process.start()
        except OSError:
            ours.close()
            raise
        finally:
            # The channel ends with the process only if nobody else holds that end.
            theirs.close()
        return cls(process, ours, metrics)

    @property
    def age(self) -> float:
        """Seconds since the start."""
        return monotonic() - self._born

    @property
    def exit_code(self) -> int | None:
        """As the process ended, minus the signal that ended it; None while it runs."""
        return self._process.exitcode

    def signal(self, number: int) -> None:
        """Send the process a signal, unless it has ended."""
        # Only `exit_code` reaps the process: as long as it is None, the id is nobody else's.
        if self.exit_code is None:
            os.kill(self.pid, number)

    def stop(self, number: int) -> None:
        """Pass on a signal that the whole service was sent."""
        if self._channel is not None:
            self._channel.send(Stopping())
        self.signal(number)

    async def live(self, others: Others) -> None:
        """Listen to the process until it has ended, and answer what it asks of the `others`."""
        self._channel = await Channel.over(self._end)
        await self.converse(self._channel, others)
        await self._end_of_process()

    async def next_message(self, link: Link) -> Message | None:
        """Return what the process says next, None when it is gone; one that has been silent for too long is killed."""
        try:
            return await asyncio.wait_for(link.receive(), SILENT_SECONDS if self.started.is_set() else None)
        except TimeoutError:
            _log.error("a worker hangs: killing it", extra={"worker": self.pid, "silent_seconds": SILENT_SECONDS})
            self.signal(signal.SIGKILL)
            return None

    def has_hung(self) -> None:
        """Have another in its place. What it still can answer it may; its hung thread is ended with it."""
        if not self._dismissed:
            _log.error("a worker's run has hung: replacing it", extra={"worker": self.pid})
            self._dismissed = True
            self.signal(signal.SIGTERM)

    async def _end_of_process(self) -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._process.sentinel, ended.set)
        try:
            await asyncio.wait_for(ended.wait(), EXIT_SECONDS)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await ended.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        self._process.join()
