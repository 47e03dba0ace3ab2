"""Whether the service is alive, and whether it wants traffic."""

from service.inference.decoders import Decoders
from service.inference.engine import Engine
from service.inference.loop_time import LoopTime
from service.inference.repository import Repository


class Health:
    """What the probes ask, in constant time and without waiting for anything.

    Alive: a run has not hung; that the question is answered at all shows that the event loop turns. Ready: there is a
    model to serve, requests are not being refused for want of capacity, and the service is not about to stop. Loading
    further versions does not make it unready, and being busy does not make it dead.
    """

    def __init__(self, repository: Repository, engine: Engine, decoders: Decoders, loop_time: LoopTime) -> None:
        self._repository = repository
        self._engine = engine
        self._decoders = decoders
        self._loop_time = loop_time
        self.draining = False

    @property
    def alive(self) -> bool:
        """Whether restarting the process would not help."""
        return not self._engine.stalled

    @property
    def obstacles(self) -> list[str]:
        """Return what speaks against sending requests here; nothing when ready."""
        found = []
        if self.draining:
            found.append("the service is about to stop")
        if not self._repository.ready:
            found.append("no model is being served")
        if self._engine.saturated:
            found.append("the queue is full")
        if self._decoders.saturated:
            found.append("more texts and images wait than can be read in time")
        if self._loop_time.saturated:
            found.append("more requests are open than can be answered in time")
        if self._engine.stalled:
            found.append("a run has hung")
        return found
