"""Waiting, overload and hanging up over HTTP, with a model that takes its time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray
from starlette.types import ASGIApp

from service.app import create_app
from service.core import Core, make_core
from service.inference.model import Model, Scores
from service.settings import Settings
from tests.conftest import Exported

PREDICT = "/v1/models/plant:predict"
BODY = orjson.dumps({"instances": [[20, 5, 1000, 0]]})
runs: list[int] = []


class SlowModel(Model):
    """A tenth of a second a run."""

    def score(self, rows: NDArray[np.float32]) -> Scores:
        runs.append(len(rows))
        time.sleep(0.1)
        return super().score(rows)


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any


class Slow(NamedTuple):
    core: Core
    app: ASGIApp

    async def call(self, path: str, body: bytes | None = None, *, hang_up_after: float | None = None) -> Answer:
        """Ask as a server would; the client may hang up before it is answered."""
        messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        messages.put_nowait({"type": "http.request", "body": body or b"", "more_body": False})
        if hang_up_after is not None:
            asyncio.get_running_loop().call_later(hang_up_after, messages.put_nowait, {"type": "http.disconnect"})
        sent: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope: dict[str, Any] = {
            "type": "http",
            "method": "GET" if body is None else "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [],
        }
        await self.app(scope, messages.get, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], headers, orjson.loads(sent[1]["body"]))


def play(scenario: Callable[[Slow], Awaitable[None]], exported: Exported, **settings: Any) -> None:
    async def run() -> None:
        core = make_core(Settings(repository=exported.repository, threads=1, **settings))
        runs.clear()
        try:
            await scenario(Slow(core, create_app(core)))
        finally:
            core.engine.close()

    asyncio.run(run())


@pytest.fixture(autouse=True)
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.core.Model", SlowModel)


def test_requests_that_wait_are_run_together(exported: Exported) -> None:
    async def scenario(slow: Slow) -> None:
        answers = await asyncio.gather(*(slow.call(PREDICT, BODY) for _ in range(6)))
        assert [answer.status for answer in answers] == [200] * 6
        assert answers[0].body["predictions"] == answers[5].body["predictions"]
        assert len({answer.body["id"] for answer in answers}) == 6
        assert runs == [1, 5]

    play(scenario, exported)


def test_a_client_that_hangs_up_while_waiting_costs_no_run(exported: Exported) -> None:
    async def scenario(slow: Slow) -> None:
        first = asyncio.create_task(slow.call(PREDICT, BODY))
        await asyncio.sleep(0.01)
        gone = asyncio.create_task(slow.call(PREDICT, BODY, hang_up_after=0.02))
        other = asyncio.create_task(slow.call(PREDICT, BODY))
        answers = await asyncio.gather(first, gone, other)
        assert [answer.status for answer in answers] == [200, 499, 200]
        assert runs == [1, 1]

    play(scenario, exported)


def test_overload_is_refused_at_once_with_retry_after_and_probes_say_so(exported: Exported) -> None:
    async def scenario(slow: Slow) -> None:
        calls = [asyncio.create_task(slow.call(PREDICT, BODY)) for _ in range(30)]
        await asyncio.sleep(0.05)
        ready = await slow.call("/v2/health/ready")
        assert (ready.status, ready.body["reason"]) == (503, "the queue is full")
        assert (await slow.call("/v2/health/live")).status == 200
        model = await slow.call("/v2/models/plant/ready")
        assert model.status == 200
        answers = await asyncio.gather(*calls)
        statuses = [answer.status for answer in answers]
        assert statuses.count(200) + statuses.count(503) == 30
        assert 9 <= statuses.count(200) <= 11
        refused = next(answer for answer in answers if answer.status == 503)
        assert refused.body["error"]["code"] == "overloaded"
        assert int(refused.headers["retry-after"]) >= 1
        assert (await slow.call("/v2/health/ready")).status == 200

    play(scenario, exported, max_queue_rows=10)


def test_under_v2_the_refusal_is_the_protocol_s_string(exported: Exported) -> None:
    async def scenario(slow: Slow) -> None:
        tensor = {"name": "features", "shape": [1, 4], "datatype": "FP32", "data": [20, 5, 1000, 0]}
        body = orjson.dumps({"inputs": [tensor]})
        answers = await asyncio.gather(*(slow.call("/v2/models/plant/infer", body) for _ in range(4)))
        assert [answer.status for answer in answers] == [200, 200, 503, 503]
        assert isinstance(answers[3].body["error"], str)

    play(scenario, exported, max_queue_rows=2)


def test_answers_within_the_deadline_or_not_at_all(exported: Exported) -> None:
    async def scenario(slow: Slow) -> None:
        async def timed() -> tuple[int, float]:
            started = time.monotonic()
            answer = await slow.call(PREDICT, BODY)
            return answer.status, time.monotonic() - started

        outcomes = await asyncio.gather(*(timed() for _ in range(20)))
        assert {status for status, _ in outcomes} == {200, 503}
        assert max(seconds for status, seconds in outcomes if status == 200) < 0.5

    play(scenario, exported, deadline_seconds=0.5)


def test_health_answers_while_a_long_answer_is_written(exported: Exported) -> None:
    async def scenario(slow: Slow) -> None:
        body = orjson.dumps({"instances": [[20, 5, 1000, 0]] * 5000})
        asking = asyncio.create_task(slow.call(PREDICT, body))
        slowest = 0.0
        while not asking.done():
            started = time.monotonic()
            assert (await slow.call("/v2/health/live")).status == 200
            await asyncio.sleep(0.001)
            slowest = max(slowest, time.monotonic() - started)
        answer = await asking
        assert len(answer.body["predictions"]) == 5000
        assert slowest < 0.3  # it is a few hundredths; a busy machine may take longer

    play(scenario, exported)
