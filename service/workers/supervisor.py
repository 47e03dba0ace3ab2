"""The process above the workers: it starts them, replaces those that die, stops them, and owns their metrics."""

import asyncio
import logging
import signal
from collections.abc import Mapping
from contextlib import suppress

from service.listener import Listener
from service.settings import Settings
from service.workers.fleet import Fleet
from service.workers.worker import EXIT_SECONDS, Work, Worker

_log = logging.getLogger(__name__)

STEADY_SECONDS = 10.0
"""A worker that lived this long did not die of its start: it is replaced at once."""

FIRST_PAUSE_SECONDS = 0.5
"""Before a worker that died sooner is replaced; doubled each time."""

LONGEST_PAUSE_SECONDS = 30.0
"""Between two attempts."""


class Supervisor:
    """Keeps `settings.workers` processes answering on one listener.

    All accept from the same socket. With a socket for each (SO_REUSEPORT) the kernel would deal connections out more
    evenly, but what waits at a dead worker's is lost with it, and what is dealt to a busy one waits while others idle.

    Args:
        settings: the service's.
        listener: bound; workers listen on it.
        work: what a worker runs.
    """

    def __init__(self, settings: Settings, listener: Listener, work: Work) -> None:
        self._settings = settings
        self._listener = listener
        self._work = work
        self._fleet = Fleet()
        self._workers: set[Worker] = set()
        self._announced = False
        self._failed = False
        self._stopping = asyncio.Event()
        self._timers: list[asyncio.TimerHandle] = []

    async def run(self) -> bool:
        """Supervise until told to stop and every worker has ended; return False if they could not be started."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        announcing = asyncio.create_task(self._announce())
        await asyncio.gather(*(self._keep() for _ in range(self._settings.workers)))
        announcing.cancel()
        for timer in self._timers:
            timer.cancel()
        return not self._failed

    async def _keep(self) -> None:
        """Have one worker at any time, until it is time to stop."""
        pause = 0.0
        while not self._stopping.is_set():
            steady = await self._live()
            if self._stopping.is_set():
                return
            pause = 0.0 if steady else min(max(2 * pause, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
            _log.info("starting another worker", extra={"pause_seconds": pause})
            self._fleet.metrics.restarts += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _live(self) -> bool:
        """Have a worker live its life; return whether it was long enough that its start cannot be to blame."""
        try:
            worker = Worker.spawn(self._work, self._settings, self._listener, self._fleet.metrics)
        except OSError as error:
            # Want of memory, often, which also kills workers: those that are left go on.
            self._could_not_start({"reason": str(error)})
            return False
        self._workers.add(worker)
        self._fleet.peers.add(worker)
        await worker.live(self._fleet)
        self._workers.discard(worker)
        self._fleet.peers.discard(worker)
        particulars = {"worker": worker.pid, "exit_code": worker.exit_code, "age_seconds": round(worker.age, 1)}
        if self._stopping.is_set():
            return True
        if not worker.started.is_set():
            self._could_not_start(particulars)
            return False
        _log.error("a worker ended", extra=particulars)
        return worker.age >= STEADY_SECONDS

    def _could_not_start(self, particulars: Mapping[str, object]) -> None:
        _log.error("a worker could not be started", extra=particulars)
        if not self._announced:
            # What keeps the first ones from starting is in the settings or the machine, for a person to see to.
            self._failed = True
            self._stop(signal.SIGINT)

    async def _announce(self) -> None:
        """Say where the service runs once all workers answer there."""
        await asyncio.sleep(0)  # until each is spawned
        await asyncio.gather(*(worker.started.wait() for worker in self._workers))
        self._announced = True
        scheme = "https" if self._settings.tls_certificate else "http"
        workers = sorted(worker.pid for worker in self._workers)
        _log.info("running on %s://%s", scheme, self._listener.address, extra={"workers": workers})

    def _stop(self, number: int) -> None:
        """Pass a signal on to all, and let nobody connect any more when they stop to listen."""
        drains = number == signal.SIGTERM and not self._stopping.is_set()
        seconds = self._settings.drain_seconds if drains else 0.0
        self._stopping.set()
        loop = asyncio.get_running_loop()
        if seconds:
            self._timers.append(loop.call_later(seconds, self._let_go))
        else:
            self._let_go()
        longest = seconds + self._settings.shutdown_seconds + EXIT_SECONDS
        self._timers.append(loop.call_later(longest, self._kill))
        for worker in self._workers:
            worker.stop(number)

    def _let_go(self) -> None:
        self._listener.refuse_new()
        self._listener.close()

    def _kill(self) -> None:
        for worker in self._workers:
            _log.error("a worker did not end in time: killing it", extra={"worker": worker.pid})
            worker.signal(signal.SIGKILL)
