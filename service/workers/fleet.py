"""All processes that answer requests, as one."""

import asyncio

from service.monitoring.true_label import unknown
from service.workers.channel import Refusal, Told, refuse
from service.workers.fleet_metrics import FleetMetrics
from service.workers.peer import Peer


class Fleet:
    """What any of the processes may ask of all."""

    def __init__(self) -> None:
        self.metrics = FleetMetrics()
        self.peers: set[Peer] = set()

    async def exposition(self) -> bytes:
        """Return the metrics of all, as they are now, in Prometheus's text format."""
        await asyncio.gather(*(peer.report() for peer in self.peers))
        return self.metrics.exposition()

    async def judge(self, told: Told) -> list[Refusal | None]:
        """Have true labels counted by the processes that answered; return why not, for each."""
        verdicts: list[Refusal | None] = [refuse(unknown(each)) for each in told.labels]

        async def ask(peer: Peer) -> None:
            places = [place for place, each in enumerate(told.labels) if each.process == peer.name]
            if places:
                theirs = Told(told.question, told.model, told.version, [told.labels[place] for place in places])
                for place, verdict in zip(places, await peer.judge(theirs), strict=True):
                    verdicts[place] = verdict

        await asyncio.gather(*map(ask, self.peers))
        return verdicts
