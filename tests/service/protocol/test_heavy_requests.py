"""Requests that are read in threads: waiting, hanging up, lateness and overload over HTTP."""

import asyncio
import threading
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from service.app import create_app
from service.core import make_core
from service.inference.images import Picture
from service.settings import Settings
from tests.conftest import Exported
from tests.service.made_images import picture
from tests.service.protocol.test_exchange import Slow

PREDICT = "/v1/models/photos:predict"
BODY = orjson.dumps({"instances": [b64encode(picture()).decode()]})


class Slowly:
    """Has every picture take its time, and remembers which thread decoded it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        self.threads: list[str] = []
        decode = Picture.decode

        def slowly(picture: Picture) -> Any:
            self.threads.append(threading.current_thread().name)
            time.sleep(seconds)
            return decode(picture)

        monkeypatch.setattr(Picture, "decode", slowly)


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> Slowly:
    return Slowly(monkeypatch, 0.1)


def play(scenario: Callable[[Slow], Awaitable[None]], images: Exported, **settings: Any) -> None:
    async def run() -> None:
        core = make_core(Settings(repository=images.repository, threads=1, **settings))
        try:
            await scenario(Slow(core, create_app(core)))
        finally:
            core.engine.close()
            core.decoders.close()

    asyncio.run(run())


def test_probes_are_answered_while_images_are_decoded(images: Exported, slowly: Slowly) -> None:
    async def scenario(slow: Slow) -> None:
        calls = [asyncio.create_task(slow.call(PREDICT, BODY)) for _ in range(3)]
        await asyncio.sleep(0.02)
        started = time.monotonic()
        assert (await slow.call("/v2/health/live")).status == 200
        assert time.monotonic() - started < 0.05
        assert [answer.status for answer in await asyncio.gather(*calls)] == [200] * 3
        assert {name.partition("_")[0] for name in slowly.threads} == {"decoder"}

    play(scenario, images)


def test_a_client_that_hangs_up_while_waiting_has_nothing_decoded(images: Exported, slowly: Slowly) -> None:
    async def scenario(slow: Slow) -> None:
        first = asyncio.create_task(slow.call(PREDICT, BODY))
        await asyncio.sleep(0.01)
        gone = asyncio.create_task(slow.call(PREDICT, BODY, hang_up_after=0.02))
        other = asyncio.create_task(slow.call(PREDICT, BODY))
        answers = await asyncio.gather(first, gone, other)
        assert [answer.status for answer in answers] == [200, 499, 200]
        assert len(slowly.threads) == 2

    play(scenario, images)


def test_a_request_whose_deadline_passes_while_it_waits_is_not_decoded(images: Exported, slowly: Slowly) -> None:
    async def scenario(slow: Slow) -> None:
        answers = await asyncio.gather(*(slow.call(PREDICT, BODY) for _ in range(6)))
        statuses = [answer.status for answer in answers]
        assert set(statuses) == {200, 504}
        late = next(answer for answer in answers if answer.status == 504)
        assert late.body["error"]["code"] == "deadline_exceeded"
        await asyncio.sleep(0.3)
        assert len(slowly.threads) <= statuses.count(200) + 1

    play(scenario, images, deadline_seconds=0.35)


def test_overload_is_refused_before_anything_is_decoded_and_probes_say_so(images: Exported, slowly: Slowly) -> None:
    async def scenario(slow: Slow) -> None:
        assert (await slow.call(PREDICT, BODY)).status == 200  # it is then known what decoding takes
        calls = [asyncio.create_task(slow.call(PREDICT, BODY)) for _ in range(30)]
        await asyncio.sleep(0.05)
        ready = await slow.call("/v2/health/ready")
        assert ready.status == 503
        assert "more texts and images wait than can be read in time" in ready.body["reason"]
        answers = await asyncio.gather(*calls)
        statuses = [answer.status for answer in answers]
        assert set(statuses) <= {200, 503, 504}
        assert statuses.count(503) > 10
        assert statuses.count(200) >= 5
        refused = next(answer for answer in answers if answer.status == 503)
        assert refused.body["error"]["code"] == "overloaded"
        assert int(refused.headers["retry-after"]) >= 1
        assert len(slowly.threads) <= 1 + statuses.count(200) + statuses.count(504)
        assert (await slow.call("/v2/health/ready")).status == 200

    play(scenario, images, deadline_seconds=1)


@pytest.mark.usefixtures("slowly")
def test_the_time_of_decoding_is_told_and_waiting_for_it_is_queueing(images: Exported) -> None:
    async def scenario(slow: Slow) -> None:
        answers = await asyncio.gather(*(slow.call(PREDICT, BODY) for _ in range(2)))
        for waited, answer in enumerate(answers):
            stages = dict(part.split(";dur=") for part in answer.headers["server-timing"].split(", "))
            assert 100 <= float(stages["decode"]) < 190
            assert (float(stages["queue"]) > 80) == bool(waited)

    play(scenario, images, server_timing=True)
