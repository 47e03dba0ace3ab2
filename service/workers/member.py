"""A worker's side of the fleet."""

import asyncio
import signal
import socket
from itertools import count
from time import perf_counter

from prometheus_client.registry import CollectorRegistry

from service.errors import NotReadyError
from service.inference.health import Health
from service.workers.channel import Ask, Channel, Exposition, Report, Scrape, Started
from service.workers.snapshot import take_snapshot

REPORT_SECONDS = 1.0
"""How often a worker reports unasked: what it counted since is lost if it is killed."""

REPORT_SHARE = 0.01
"""Reports take at most this share of a worker's time; with very many models they are fewer."""

ANSWER_SECONDS = 5.0
"""The supervisor waits for hung workers for less than this before it answers a scrape."""


class Member:
    """Reports this worker's metrics to the supervisor, gets those of all, and leaves when the supervisor is gone.

    `join` comes first and `leave` last.

    Args:
        end: this worker's end of the pair of sockets.
        registry: what is reported.
        health: whether the worker is alive.
    """

    def __init__(self, end: socket.socket, registry: CollectorRegistry, health: Health) -> None:
        self._end = end
        self._registry = registry
        self._health = health
        self._questions = count()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._channel: Channel
        self._tasks: list[asyncio.Task[None]] = []

    async def join(self) -> None:
        """Begin to report and to listen."""
        channel = self._channel = await Channel.over(self._end)
        self._tasks = [asyncio.create_task(self._listen(channel)), asyncio.create_task(self._report(channel))]

    def announce(self) -> None:
        """Say that this worker answers requests."""
        self._channel.send(Started())

    async def exposition(self) -> bytes:
        """Return the metrics of all workers in Prometheus's text format.

        Raises:
            NotReadyError: if the supervisor does not answer; one worker's counts would look like a restart.
        """
        question = next(self._questions)
        answer = self._waiting[question] = asyncio.get_running_loop().create_future()
        try:
            self._channel.send(Scrape(question))
            return await asyncio.wait_for(answer, ANSWER_SECONDS)
        except TimeoutError:
            raise NotReadyError("the supervisor, which adds up the workers' metrics, does not answer") from None
        finally:
            del self._waiting[question]

    async def leave(self) -> None:
        """Report once more, everything counted, and hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._channel.send(self._now())
        await self._channel.close()

    def _now(self, question: int | None = None) -> Report:
        return Report(take_snapshot(self._registry), self._health.alive, question)

    async def _report(self, channel: Channel) -> None:
        while True:
            started = perf_counter()
            channel.send(self._now())
            await channel.drained()
            await asyncio.sleep(max(REPORT_SECONDS, (perf_counter() - started) / REPORT_SHARE))

    async def _listen(self, channel: Channel) -> None:
        while (message := await channel.receive()) is not None:
            match message:
                case Ask():
                    channel.send(self._now(message.question))
                case Exposition() if (answer := self._waiting.get(message.question)) and not answer.done():
                    answer.set_result(message.text)
                case _:
                    pass
        # Nobody is left to add up, to replace or to stop this worker: it goes as if told to.
        signal.raise_signal(signal.SIGTERM)
