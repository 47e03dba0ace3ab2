"""A worker's side of the fleet."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from time import perf_counter

from prometheus_client.registry import CollectorRegistry

from service.errors import NotReadyError, ServiceError
from service.inference.health import Health
from service.monitoring.feedback import Feedback
from service.monitoring.true_label import TrueLabel
from service.workers.channel import (
    Ask,
    Exposition,
    Judged,
    Link,
    Refusal,
    Report,
    Scrape,
    Started,
    Stopping,
    Told,
    refuse,
)
from service.workers.snapshot import take_snapshot

REPORT_SECONDS = 1.0
"""How often a worker reports unasked: what it counted since is lost if it is killed."""

REPORT_SHARE = 0.01
"""Reports take at most this share of a worker's time; with very many models they are fewer."""

ANSWER_SECONDS = 5.0
"""The supervisor waits for hung workers for less than this before it answers a scrape."""

_REFUSALS = {kind.code: kind for kind in ServiceError.__subclasses__() if kind.code.startswith("feedback_")} | {
    NotReadyError.code: NotReadyError
}
"""What another worker may say of feedback."""


class Member:
    """Reports this worker's metrics to the supervisor, gets those of all, and leaves when the supervisor is gone.

    Feedback on what another worker has answered is passed on to it.

    `join` comes first and `leave` last.

    Args:
        connect: makes this worker's end of the link to the supervisor.
        registry: what is reported.
        health: whether the worker is alive.
        feedback: on what this worker has answered.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Link]],
        registry: CollectorRegistry,
        health: Health,
        feedback: Feedback,
    ) -> None:
        self.all_leave = False
        """Whether the other workers leave, too, when this one does."""
        self._connect = connect
        self._registry = registry
        self._health = health
        self._feedback = feedback
        self._questions = count()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._judged: dict[int, asyncio.Future[list[Refusal | None]]] = {}
        self._channel: Link
        self._tasks: list[asyncio.Task[None]] = []

    async def join(self) -> None:
        """Begin to report and to listen."""
        channel = self._channel = await self._connect()
        self._tasks = [asyncio.create_task(self._listen(channel)), asyncio.create_task(self._report(channel))]

    def announce(self) -> None:
        """Say that this worker answers requests."""
        self._channel.send(Started(self._feedback.process))

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
            raise NotReadyError("what adds up the workers' metrics does not answer") from None
        finally:
            del self._waiting[question]

    async def judge(self, name: str, version: str | None, told: Sequence[TrueLabel]) -> list[ServiceError | None]:
        """Have each true label counted by the worker that answered; see `Feedback.judge`."""
        mine = [each for each in told if each.process == self._feedback.process]
        foreign = [each for each in told if each.process != self._feedback.process]
        judged = iter(await self._feedback.judge(name, version, mine))
        passed_on = iter(await self._pass_on(name, version, foreign) if foreign else ())
        return [next(judged if each.process == self._feedback.process else passed_on) for each in told]

    async def leave(self) -> None:
        """Report once more, everything counted, and hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._channel.send(self._now())
        await self._channel.close()

    async def _pass_on(self, name: str, version: str | None, told: list[TrueLabel]) -> list[ServiceError | None]:
        question = next(self._questions)
        answer = self._judged[question] = asyncio.get_running_loop().create_future()
        try:
            self._channel.send(Told(question, name, version, told))
            verdicts = await asyncio.wait_for(answer, ANSWER_SECONDS)
        except TimeoutError:
            return [NotReadyError("what passes feedback on to other workers does not answer")] * len(told)
        finally:
            del self._judged[question]
        return [None if verdict is None else _REFUSALS[verdict.code](verdict.message) for verdict in verdicts]

    async def _judge_for_another(self, channel: Link, told: Told) -> None:
        refusals = await self._feedback.judge(told.model, told.version, told.labels)
        verdicts = [None if error is None else refuse(error) for error in refusals]
        channel.send(Judged(told.question, verdicts))

    def _now(self, question: int | None = None) -> Report:
        return Report(take_snapshot(self._registry), self._health.alive, question)

    async def _report(self, channel: Link) -> None:
        while True:
            started = perf_counter()
            channel.send(self._now())
            await channel.drained()
            await asyncio.sleep(max(REPORT_SECONDS, (perf_counter() - started) / REPORT_SHARE))

    async def _listen(self, channel: Link) -> None:
        while (message := await channel.receive()) is not None:
            match message:
                case Ask():
                    channel.send(self._now(message.question))
                case Exposition() if (answer := self._waiting.get(message.question)) and not answer.done():
                    answer.set_result(message.text)
                case Told():
                    await self._judge_for_another(channel, message)
                case Judged() if (verdicts := self._judged.get(message.question)) and not verdicts.done():
                    verdicts.set_result(message.verdicts)
                case Stopping():
                    self.all_leave = True
                case _:
                    pass
        self.all_leave = True
        # Nobody is left to add up, to replace or to stop this worker: it goes as if told to.
        signal.raise_signal(signal.SIGTERM)
