import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from service.errors import OverloadedError
from service.inference.loop_time import LoopTime


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def play() -> None:
        await scenario()

    asyncio.run(play())


def test_refuses_what_the_open_requests_leave_no_time_for() -> None:
    async def scenario() -> None:
        loop_time = LoopTime(deadline=1.0)
        loop_time.learn(0.3)
        for _ in range(4):
            loop_time.enter()
        assert loop_time.saturated
        with pytest.raises(OverloadedError, match="4 requests are being answered") as refusal:
            loop_time.enter()
        assert refusal.value.retry_after == 2
        for _ in range(4):
            loop_time.leave()
        assert loop_time.expected_wait == 0

    run(scenario)


def test_much_work_at_once_is_spread_over_turns_in_order() -> None:
    async def scenario() -> None:
        loop_time = LoopTime(deadline=10.0)
        done: list[int] = []

        async def work(number: int) -> None:
            await loop_time.turn()
            time.sleep(0.003)
            loop_time.spend(0.003)
            loop_time.learn(0.003)
            done.append(number)

        working = asyncio.gather(*(work(number) for number in range(40)))
        slowest, between = 0.0, 0
        while not working.done():
            started = time.monotonic()
            await asyncio.sleep(0)
            slowest, between = max(slowest, time.monotonic() - started), between + 1
        await working
        assert done == list(range(40))
        assert between >= 15
        assert slowest < 0.06  # all at once would take 0.12

    run(scenario)


def test_a_waiter_that_was_cancelled_holds_nobody_up() -> None:
    async def scenario() -> None:
        loop_time = LoopTime(deadline=10.0)
        loop_time.spend(1.0)
        gone = asyncio.create_task(loop_time.turn())
        next_one = asyncio.create_task(loop_time.turn())
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait_for(next_one, 1)

    run(scenario)
