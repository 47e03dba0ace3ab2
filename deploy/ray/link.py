"""The link between a replica and the owner of the metrics, over Ray's own calls.

A replica cannot be called by name: it calls the owner, and what it is told comes as the answer to a call that waits.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, Self

import ray

from service.workers.channel import Message, decode, encode

_log = logging.getLogger(__name__)

LISTEN_SECONDS = 10.0
"""A replica that has nothing to be told calls again after this time."""

LOOK_SECONDS = 2.0
"""A replica that has said nothing for so long, being due every second, is looked up."""

RETRY_SECONDS = 0.5
"""Between two calls to an owner that is not there; Ray replaces it."""

LEAVE_SECONDS = 2.0
"""A replica that ends has this long to say its last words."""


class Replica(NamedTuple):
    """Who calls."""

    actor: str
    """its name, never used again"""
    namespace: str
    process: str
    """what the ids of its answers begin with"""

    @classmethod
    def here(cls, process: str) -> Self:
        """Return the replica that this runs in."""
        context = ray.get_runtime_context()
        return cls(str(context.get_actor_name()), context.namespace, process)

    def exists(self) -> bool:
        """Return whether its process runs, as far as the cluster knows."""
        try:
            ray.get_actor(self.actor, self.namespace)
        except ValueError:
            return False
        return True


class ReplicaEnd:
    """The replica's end; an owner that is replaced is told everything anew."""

    def __init__(self, owner: Any, replica: Replica) -> None:
        self._owner = owner
        self._replica = replica
        self._unsent: deque[bytes] = deque()
        self._told: deque[bytes] = deque()
        self._news, self._sent = asyncio.Event(), asyncio.Event()
        self._sending = asyncio.create_task(self._send())

    def send(self, message: Message) -> None:
        """Send without waiting, in order."""
        self._unsent.append(encode(message))
        self._sent.clear()
        self._news.set()

    async def drained(self) -> None:
        """Wait until the owner has all."""
        await self._sent.wait()

    async def receive(self) -> Message | None:
        """Return the next message, however long the owner is away."""
        while not self._told:
            self._told.extend(await self._call(partial(self._owner.listen.remote, self._replica)))
        message: Message = decode(self._told.popleft())
        return message

    async def close(self) -> None:
        """Say the last words, if the owner still hears them."""
        self._sending.cancel()
        with suppress(Exception):
            leaving = self._owner.leave.remote(self._replica, list(self._unsent))
            await asyncio.wait_for(_answer(leaving), LEAVE_SECONDS)

    async def _send(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._unsent:
                # One call at a time: an earlier report must not overtake a later one.
                batch = list(self._unsent)
                await self._call(partial(self._owner.tell.remote, self._replica, batch))
                for _ in batch:
                    self._unsent.popleft()
            self._sent.set()

    async def _call(self, call: Callable[[], Any]) -> Any:
        while True:
            try:
                return await _answer(call())
            except Exception as error:  # of Ray's many kinds; whichever it is, nothing can be done but to try again
                _log.warning("the owner of the metrics does not answer", extra={"reason": type(error).__name__})
                await asyncio.sleep(RETRY_SECONDS)


class OwnerEnd:
    """The owner's end of the link to one replica."""

    def __init__(self, replica: Replica) -> None:
        self.left = False
        """Whether the replica has said that it ends."""
        self._replica = replica
        self._heard: deque[Message] = deque()
        self._to_tell: deque[bytes] = deque()
        self._news, self._something_to_tell = asyncio.Event(), asyncio.Event()

    def hear(self, messages: list[bytes], *, last: bool = False) -> None:
        """Take what the replica says."""
        self._heard.extend(map(decode, messages))
        self.left |= last
        self._news.set()

    async def tell(self) -> list[bytes]:
        """Return what the replica is to be told, as soon as there is something or `LISTEN_SECONDS` are over."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._something_to_tell.wait(), LISTEN_SECONDS)
        self._something_to_tell.clear()
        told = list(self._to_tell)
        self._to_tell.clear()
        return told

    def send(self, message: Message) -> None:
        """Have the replica told at its next call, or the one that waits."""
        self._to_tell.append(encode(message))
        self._something_to_tell.set()

    async def drained(self) -> None:
        """Wait for nothing: only answers to the replica's own questions are sent."""

    async def receive(self) -> Message | None:
        """Return what the replica says next, None when it has left or its process is gone."""
        while not self._heard:
            if self.left:
                return None
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), LOOK_SECONDS)
            except TimeoutError:
                if not await asyncio.to_thread(self._replica.exists):
                    return None
        return self._heard.popleft()

    async def close(self) -> None:
        """Let a call that waits return."""
        self._something_to_tell.set()


async def _answer(response: Any) -> Any:
    return await response
