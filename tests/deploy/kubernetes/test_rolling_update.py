"""A rolling update under load, on processes that play the pods: nobody's request is lost.

Two things of a cluster are played as they are at their worst. The proxies hear of a pod's end late: for a second of
its draining it is still sent new connections. And of the clients half keep theirs for as long as a pod lets them.
"""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from tests.conftest import Exported
from tests.service.balancer import PREDICT, connecting
from tests.service.process import Process, running

DRAIN_SECONDS, LAG_SECONDS = 2.5, 1.0
"""The manifests drain for longer, and so long may a cluster lag behind."""


class Endpoints:
    """The Service: who asks is connected to one of the pods that are thought to be there."""

    def __init__(self) -> None:
        self.ports: set[int] = set()
        self.answered: dict[int, int] = {}
        self.failures: list[str] = []

    async def client(self, keeps: bool) -> None:
        """Ask for ever, over a connection each time or over one for as long as it is open."""
        while True:
            port = random.choice(sorted(self.ports))
            try:
                async with connecting(port) as connect:
                    connection, goes_on = await connect(), True
                    while goes_on:
                        await asyncio.sleep(random.uniform(0, 0.05))
                        answer = await connection.ask(PREDICT)
                        goes_on = keeps and not answer.closes
                        self.answered[port] = self.answered.get(port, 0) + 1
                        if answer.status != 200:
                            self.failures.append(answer.content)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.failures.append(f"{port}: {error!r}")

    @asynccontextmanager
    async def asked_by(self, clients: int) -> AsyncIterator[None]:
        asking = [asyncio.create_task(self.client(keeps=bool(number % 2))) for number in range(clients)]
        yield
        for task in asking:
            task.cancel()
        ends = await asyncio.gather(*asking, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends


def test_two_pods_are_replaced_one_after_another_and_no_request_is_lost(exported: Exported) -> None:
    drain = ("--drain-seconds", str(DRAIN_SECONDS))
    endpoints = Endpoints()

    async def update(stack: ExitStack, old: list[Process]) -> list[Process]:
        """Surge by one, then stop one, as maxSurge 1 and maxUnavailable 0 have it."""
        new = []
        async with endpoints.asked_by(clients=20):
            for leaving in old:
                # It answers when it has loaded its models, and then it is ready.
                coming = await asyncio.to_thread(stack.enter_context, running(exported.repository, *drain))
                new.append(coming)
                endpoints.ports.add(coming.port)
                leaving.process.send_signal(signal.SIGTERM)
                await asyncio.sleep(LAG_SECONDS)
                endpoints.ports.remove(leaving.port)
                assert await asyncio.to_thread(leaving.process.wait, 20) == 0
            await asyncio.sleep(0.2)
        return new

    with ExitStack() as stack:
        old = [stack.enter_context(running(exported.repository, *drain)) for _ in range(2)]
        endpoints.ports = {service.port for service in old}
        new = asyncio.run(update(stack, old))
    assert endpoints.failures == []
    assert endpoints.answered.keys() == {service.port for service in old + new}
    assert sum(endpoints.answered.values()) > 200
