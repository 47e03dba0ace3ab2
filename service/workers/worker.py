"""A worker as its supervisor sees it."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from time import monotonic
from typing import Protocol

from service.errors import NotReadyError
from service.listener import Listener
from service.monitoring.true_label import unknown
from service.settings import Settings
from service.workers.channel import Ask, Channel, Exposition, Judged, Refusal, Report, Scrape, Started, Told, refuse
from service.workers.fleet_metrics import FleetMetrics

_log = logging.getLogger(__name__)

Work = Callable[[Settings, Listener, socket.socket], None]
"""What a worker runs: given the settings, where to listen and its end of the channel."""

ANSWER_SECONDS = 1.0
"""A worker that is asked for a report and gives none within this time has its last one stand."""

SILENT_SECONDS = 60.0
"""A worker that answers requests and has not reported for so long, being due every second, hangs."""

EXIT_SECONDS = 10.0
"""A worker that has hung up has this long to end."""

_SILENT = Refusal(NotReadyError.code, "the worker that answered takes no feedback at the moment: try again")


class Fleet(Protocol):
    """What a worker asks of the others, by way of the supervisor."""

    async def exposition(self) -> bytes:
        """Return the metrics of all."""

    async def judge(self, told: Told) -> list[Refusal | None]:
        """Have true labels counted by the workers that answered; return why not, for each."""


class Worker:
    """One process, from its start to its end.

    It is spawned, not forked: none of the supervisor's threads, locks and signal handlers is in it, and one that
    replaces another starts as fresh as the first did.
    """

    def __init__(self, process: BaseProcess, end: socket.socket, metrics: FleetMetrics) -> None:
        if process.pid is None:
            raise ValueError("the process has not been started")
        self.pid = process.pid
        self.started = asyncio.Event()
        self.name: str | None = None
        """What the ids of its answers begin with, once it has started."""
        self._process = process
        self._end = end
        self._metrics = metrics
        self._channel: Channel
        self._questions = count()
        self._asked: dict[int, asyncio.Future[None]] = {}
        self._judging: dict[int, asyncio.Future[list[Refusal | None] | None]] = {}
        self._answers: set[asyncio.Task[None]] = set()
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

    async def live(self, fleet: Fleet) -> None:
        """Listen to the process until it has ended, and answer what it asks of the `fleet`."""
        channel = self._channel = await Channel.over(self._end)
        while True:
            try:
                message = await asyncio.wait_for(channel.receive(), SILENT_SECONDS if self.started.is_set() else None)
            except TimeoutError:
                _log.error("a worker hangs: killing it", extra={"worker": self.pid, "silent_seconds": SILENT_SECONDS})
                self.signal(signal.SIGKILL)
                break
            match message:
                case Started():
                    self.name = message.process
                    self.started.set()
                case Report():
                    self._take(message)
                case Scrape() | Told():
                    task = asyncio.create_task(self._answer(channel, message, fleet))
                    self._answers.add(task)
                    task.add_done_callback(self._answers.discard)
                case Judged() if (verdicts := self._judging.get(message.question)) and not verdicts.done():
                    verdicts.set_result(message.verdicts)
                case None:
                    break
        for answer in self._asked.values():
            if not answer.done():
                answer.set_result(None)
        for judging in self._judging.values():
            if not judging.done():
                judging.set_result(None)
        self._metrics.depart(self.pid)
        await channel.close()
        await self._end_of_process()

    async def report(self) -> None:
        """Have the process report now; one that does not within `ANSWER_SECONDS` has its last report stand."""
        if not self.started.is_set():
            return
        question = next(self._questions)
        self._asked[question] = answer = asyncio.get_running_loop().create_future()
        self._channel.send(Ask(question))
        with suppress(TimeoutError):
            await asyncio.wait_for(answer, ANSWER_SECONDS)
        del self._asked[question]

    async def judge(self, told: Told) -> list[Refusal | None]:
        """Have the process count true labels of its answers; one that ends, or says nothing in time, counts none."""
        question = next(self._questions)
        self._judging[question] = answer = asyncio.get_running_loop().create_future()
        self._channel.send(Told(question, told.model, told.version, told.labels))
        try:
            verdicts = await asyncio.wait_for(answer, ANSWER_SECONDS)
        except TimeoutError:
            return [_SILENT] * len(told.labels)
        finally:
            del self._judging[question]
        return [refuse(unknown(each)) for each in told.labels] if verdicts is None else verdicts

    def _take(self, report: Report) -> None:
        self._metrics.report(self.pid, report.families)
        answer = self._asked.get(report.question) if report.question is not None else None
        if answer is not None and not answer.done():
            answer.set_result(None)
        if not report.alive and not self._dismissed:
            # What it still can answer it may; its hung thread is ended with it.
            _log.error("a worker's run has hung: replacing it", extra={"worker": self.pid})
            self._dismissed = True
            self.signal(signal.SIGTERM)

    async def _answer(self, channel: Channel, asked: Scrape | Told, fleet: Fleet) -> None:
        if isinstance(asked, Scrape):
            channel.send(Exposition(asked.question, await fleet.exposition()))
        else:
            channel.send(Judged(asked.question, await fleet.judge(asked)))

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
