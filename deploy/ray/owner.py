"""The owner of all replicas' metrics, a deployment of its own."""

import asyncio

from deploy.ray.link import OwnerEnd, Replica
from service.workers.fleet import Fleet
from service.workers.peer import Peer


class Owner:
    """Adds up what the replicas report, keeps the counts of those that have gone, and passes feedback on.

    It is to replicas what the supervisor is to workers, except that Ray starts and replaces them. If it is itself
    replaced, the replicas report to the new one what they have counted, and what others had counted before is lost.
    """

    def __init__(self) -> None:
        self._fleet = Fleet()
        self._ends: dict[Replica, OwnerEnd] = {}
        self._gone: set[Replica] = set()
        self._lives: set[asyncio.Task[None]] = set()

    async def tell(self, replica: Replica, messages: list[bytes]) -> None:
        """Take what a replica says."""
        if (end := self._end_of(replica)) is not None:
            end.hear(messages)

    async def leave(self, replica: Replica, messages: list[bytes]) -> None:
        """Take a replica's last words."""
        if (end := self._end_of(replica)) is not None:
            end.hear(messages, last=True)

    async def listen(self, replica: Replica) -> list[bytes]:
        """Return what a replica is to be told, as soon as there is something."""
        end = self._end_of(replica)
        return [] if end is None else await end.tell()

    def _end_of(self, replica: Replica) -> OwnerEnd | None:
        # A call that was under way when its replica died must not have it counted twice.
        if replica in self._gone:
            return None
        if replica not in self._ends:
            self._ends[replica] = OwnerEnd(replica)
            life = asyncio.create_task(self._live(replica, self._ends[replica]))
            self._lives.add(life)
            life.add_done_callback(self._lives.discard)
        return self._ends[replica]

    async def _live(self, replica: Replica, end: OwnerEnd) -> None:
        peer = Peer(replica, self._fleet.metrics)
        peer.begin(replica.process)
        self._fleet.peers.add(peer)
        await peer.converse(end, self._fleet)
        self._fleet.peers.discard(peer)
        self._gone.add(replica)
        del self._ends[replica]
        if not end.left:
            self._fleet.metrics.restarts += 1
