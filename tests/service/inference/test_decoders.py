import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.errors import MalformedRequestError, OverloadedError
from service.inference.decoders import MOST_HELD_BYTES, Decoders

ROWS = np.zeros((2, 3), np.float32)


def play(
    scenario: Callable[[Decoders], Awaitable[None]], *, threads: int = 1, deadline: float = 10, most: int = 1000
) -> None:
    async def run() -> None:
        decoders = Decoders(threads, deadline, most)
        try:
            await scenario(decoders)
        finally:
            decoders.close()

    asyncio.run(run())


class Gate:
    """A reader that waits to be let through."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.read_bodies: list[bytes] = []

    def __call__(self, body: bytes) -> NDArray[Any]:
        self.read_bodies.append(body)
        assert self.open.wait(10)
        return ROWS


def test_a_body_is_read_in_another_thread_while_the_loop_goes_on() -> None:
    async def scenario(decoders: Decoders) -> None:
        names: list[str] = []

        def read(_body: bytes) -> NDArray[Any]:
            names.append(threading.current_thread().name)
            time.sleep(0.05)
            return ROWS

        future, turns = decoders.submit(read, b"x"), 0
        while not future.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert turns > 5
        assert names[0].startswith("decoder")
        assert future.result().rows is ROWS
        assert 0.05 <= future.result().seconds < 5

    play(scenario)


def test_what_is_wrong_with_a_body_is_told_to_who_asked() -> None:
    async def scenario(decoders: Decoders) -> None:
        def read(_body: bytes) -> NDArray[Any]:
            raise MalformedRequestError("no")

        with pytest.raises(MalformedRequestError):
            await decoders.submit(read, b"x")
        assert decoders.expected_wait == 0

    play(scenario)


def test_as_many_are_read_at_a_time_as_there_are_threads() -> None:
    async def scenario(decoders: Decoders) -> None:
        gate = Gate()
        futures = [decoders.submit(gate, b"x") for _ in range(5)]
        await asyncio.sleep(0.05)
        assert len(gate.read_bodies) == 2
        gate.open.set()
        await asyncio.gather(*futures)

    play(scenario, threads=2)


def test_what_nobody_waits_for_is_not_read() -> None:
    async def scenario(decoders: Decoders) -> None:
        gate = Gate()
        first, given_up, last = (decoders.submit(gate, body) for body in (b"first", b"given up", b"last"))
        given_up.cancel()
        await asyncio.sleep(0)  # asyncio tells the pool of a cancelled future in the loop's next round
        gate.open.set()
        await asyncio.gather(first, last)
        assert gate.read_bodies == [b"first", b"last"]
        decoders.check(10**9)  # nothing waits any more

    play(scenario)


def test_bodies_wait_up_to_a_bound_in_bytes() -> None:
    async def scenario(decoders: Decoders) -> None:
        gate = Gate()
        futures = [decoders.submit(gate, b"x" * 1000) for _ in range(15)]
        assert decoders.saturated
        with pytest.raises(OverloadedError, match="15000 bytes of other requests") as refused:
            decoders.submit(gate, b"x" * 1001)
        assert refused.value.retry_after >= 1
        futures.append(decoders.submit(gate, b"x" * 1000))
        gate.open.set()
        await asyncio.gather(*futures)
        assert not decoders.saturated

    play(scenario)


def test_bodies_that_could_not_be_read_in_time_are_refused_by_what_a_byte_took() -> None:
    async def scenario(decoders: Decoders) -> None:
        def slow(_body: bytes) -> NDArray[Any]:
            time.sleep(0.1)
            return ROWS

        await decoders.submit(slow, b"x" * 10)
        assert decoders.expected_wait == 0
        gate = Gate()
        waiting = decoders.submit(gate, b"x" * 100)
        assert 0.9 < decoders.expected_wait < 5
        with pytest.raises(OverloadedError):
            decoders.check()
        gate.open.set()
        await waiting
        decoders.check()

    play(scenario, deadline=1)


def test_rows_are_held_up_to_a_bound_and_one_request_s_whatever_they_are() -> None:
    async def scenario(decoders: Decoders) -> None:
        with decoders.holding(MOST_HELD_BYTES + 1):
            assert decoders.saturated
            with pytest.raises(OverloadedError, match="are held for other requests"), decoders.holding(1):
                pass
        with decoders.holding(1), decoders.holding(1):
            assert not decoders.saturated

    play(scenario)
