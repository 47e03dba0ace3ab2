"""The event loop's time, shared out: requests are read and answered on it, and so are probes."""

import asyncio
from collections import deque
from functools import cached_property
from math import ceil

from service.errors import OverloadedError

TURN_SECONDS = 0.005
"""After so much work in one turn of the loop, whoever else wants to work waits for the next; probes come between."""

_MEMORY = 0.98
"""Weight of the past in the mean time that a request takes."""


class LoopTime:
    """Admits requests while they can be answered in time, and spreads their work over turns of the event loop.

    Args:
        deadline: seconds within which a request must be answered or refused.
    """

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._open = 0
        self._mean = 0.0
        """seconds of the loop's time that a request takes"""
        self._spent = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._scheduled = False

    @property
    def expected_wait(self) -> float:
        """Seconds of the loop's time that the open requests should still take."""
        return self._open * self._mean

    @property
    def saturated(self) -> bool:
        """Whether the next request is likely to be refused."""
        return self.expected_wait > 0.8 * self._deadline

    def enter(self) -> None:
        """Count a request as open, until it is told to `leave`.

        Raises:
            OverloadedError: if those that are open take so long that it could not be answered in time.
        """
        if self.expected_wait > 0.9 * self._deadline:
            raise OverloadedError(
                f"{self._open} requests are being answered, which should take {self.expected_wait:.3g} s of the "
                f"deadline of {self._deadline:g} s: try again later",
                retry_after=max(ceil(self.expected_wait), 1),
            )
        self._open += 1

    def leave(self) -> None:
        """Count a request as open no more."""
        self._open -= 1

    @property
    def busy(self) -> bool:
        """Whether there is no time left in this turn of the event loop, or others wait for the next."""
        return self._spent >= TURN_SECONDS or bool(self._waiting)

    async def turn(self) -> None:
        """Wait until there is time in a turn of the event loop, in the order of asking."""
        if self.busy:
            chance: asyncio.Future[None] = self._loop.create_future()
            self._waiting.append(chance)
            self._schedule()
            await chance

    def spend(self, seconds: float) -> None:
        """Note work that was done on the loop."""
        self._spent += seconds
        if not self._scheduled:
            self._schedule()

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        # To ask for it takes a call of the system each time.
        return asyncio.get_running_loop()

    def learn(self, seconds: float) -> None:
        """Note all the loop's time that one request took."""
        self._mean = _MEMORY * self._mean + (1 - _MEMORY) * seconds if self._mean else seconds

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._scheduled, self._spent = False, 0.0
        share = max(int(TURN_SECONDS / max(self._mean, 1e-6)), 1)
        while self._waiting and share:
            chance = self._waiting.popleft()
            if not chance.done():
                chance.set_result(None)
                share -= 1
        if self._waiting:
            self._schedule()
