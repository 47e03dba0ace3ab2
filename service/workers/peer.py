"""A process that answers requests, as the owner of all processes' metrics sees it."""

import asyncio
from collections.abc import Hashable
from contextlib import suppress
from itertools import count
from typing import Protocol

from service.errors import NotReadyError
from service.monitoring.true_label import unknown
from service.workers.channel import (
    Ask,
    Exposition,
    Judged,
    Link,
    Message,
    Refusal,
    Report,
    Scrape,
    Started,
    Told,
    refuse,
)
from service.workers.fleet_metrics import FleetMetrics

ANSWER_SECONDS = 1.0
"""A process that is asked for a report and gives none within this time has its last one stand."""

_SILENT = Refusal(NotReadyError.code, "the worker that answered takes no feedback at the moment: try again")


class Others(Protocol):
    """What a process asks of all, by way of the owner."""

    async def exposition(self) -> bytes:
        """Return the metrics of all."""

    async def judge(self, told: Told) -> list[Refusal | None]:
        """Have true labels counted by the processes that answered; return why not, for each."""


class Peer:
    """The other end of a `Member`.

    Args:
        key: names the process among all.
        metrics: where its reports are added up.
    """

    def __init__(self, key: Hashable, metrics: FleetMetrics) -> None:
        self.started = asyncio.Event()
        self.name: str | None = None
        """What the ids of its answers begin with, once it has started."""
        self._key = key
        self._metrics = metrics
        self._link: Link
        self._questions = count()
        self._asked: dict[int, asyncio.Future[None]] = {}
        self._judging: dict[int, asyncio.Future[list[Refusal | None] | None]] = {}
        self._answers: set[asyncio.Task[None]] = set()

    def begin(self, name: str) -> None:
        """Note that the process answers requests, with ids that begin so."""
        self.name = name
        self.started.set()

    async def converse(self, link: Link, others: Others) -> None:
        """Listen to the process until it hangs up, and answer what it asks of the others; its counts then stay."""
        self._link = link
        while (message := await self.next_message(link)) is not None:
            match message:
                case Started():
                    self.begin(message.process)
                case Report():
                    self._take(message)
                case Scrape() | Told():
                    task = asyncio.create_task(self._answer(link, message, others))
                    self._answers.add(task)
                    task.add_done_callback(self._answers.discard)
                case Judged() if (verdicts := self._judging.get(message.question)) and not verdicts.done():
                    verdicts.set_result(message.verdicts)
                case _:
                    pass
        for answer in self._asked.values():
            if not answer.done():
                answer.set_result(None)
        for judging in self._judging.values():
            if not judging.done():
                judging.set_result(None)
        self._metrics.depart(self._key)
        await link.close()

    async def next_message(self, link: Link) -> Message | None:
        """Return what the process says next, None when it is gone."""
        return await link.receive()

    def has_hung(self) -> None:
        """Be told that a run of the process has hung, so that only another process would help."""

    async def report(self) -> None:
        """Have the process report now; one that does not within `ANSWER_SECONDS` has its last report stand."""
        if not self.started.is_set():
            return
        question = next(self._questions)
        self._asked[question] = answer = asyncio.get_running_loop().create_future()
        self._link.send(Ask(question))
        with suppress(TimeoutError):
            await asyncio.wait_for(answer, ANSWER_SECONDS)
        del self._asked[question]

    async def judge(self, told: Told) -> list[Refusal | None]:
        """Have the process count true labels of its answers; one that ends, or says nothing in time, counts none."""
        question = next(self._questions)
        self._judging[question] = answer = asyncio.get_running_loop().create_future()
        self._link.send(Told(question, told.model, told.version, told.labels))
        try:
            verdicts = await asyncio.wait_for(answer, ANSWER_SECONDS)
        except TimeoutError:
            return [_SILENT] * len(told.labels)
        finally:
            del self._judging[question]
        return [refuse(unknown(each)) for each in told.labels] if verdicts is None else verdicts

    def _take(self, report: Report) -> None:
        self._metrics.report(self._key, report.families)
        answer = self._asked.get(report.question) if report.question is not None else None
        if answer is not None and not answer.done():
            answer.set_result(None)
        if not report.alive:
            self.has_hung()

    async def _answer(self, link: Link, asked: Scrape | Told, others: Others) -> None:
        if isinstance(asked, Scrape):
            link.send(Exposition(asked.question, await others.exposition()))
        else:
            link.send(Judged(asked.question, await others.judge(asked)))
