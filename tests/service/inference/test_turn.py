"""Short requests, by way of the engine."""

import asyncio

from service.errors import NonFiniteOutputError
from service.inference.engine import Engine, Limits
from service.inference.jobs import Dispatch, Scored
from service.inference.model import Model
from tests.conftest import Exported
from tests.service.inference.slow_model import POISON, SlowModel, assert_same, make_rows, run


def test_short_requests_of_one_turn_of_the_event_loop_share_a_run(exported: Exported) -> None:
    model = Model.load(exported.folder, threads=1)

    async def scenario(engine: Engine, dispatches: list[Dispatch]) -> None:
        answers = [engine.submit(model, make_rows(count, count)) for count in (1, 2, 3)]
        answers[1].cancel()
        await asyncio.sleep(0)
        assert not dispatches  # others may come in
        await asyncio.sleep(0)
        assert [answer.done() for answer in answers] == [True, True, True]
        assert [(d.requests, d.rows, d.reason) for d in dispatches] == [(2, 4, "turn")]
        for count in (1, 3):
            scored = await answers[count - 1]
            assert_same(scored.scores, model.score(make_rows(count, count)))

    run(Limits(), scenario)


def test_a_run_waits_two_turns_for_more_and_no_longer(exported: Exported) -> None:
    model = Model.load(exported.folder, threads=1)

    async def scenario(engine: Engine, dispatches: list[Dispatch]) -> None:
        answers = []
        for seed in range(4):  # one each turn
            answers.append(engine.submit(model, make_rows(1, seed)))
            await asyncio.sleep(0)
        await asyncio.gather(*answers)
        assert [d.requests for d in dispatches] == [3, 1]

    run(Limits(), scenario)


def test_more_than_a_short_run_s_worth_takes_more_than_one_turn(exported: Exported) -> None:
    class Quick(SlowModel):
        seconds = 0.0003

    model = Quick.load(exported.folder, threads=1)

    async def scenario(engine: Engine, dispatches: list[Dispatch]) -> None:
        model._seconds_a_run, model._seconds_a_unit = 0.0001, 0.0001
        answers = [engine.submit(model, make_rows(2, seed)) for seed in range(5)]
        scored = await asyncio.gather(*answers)
        assert [(d.requests, d.reason) for d in dispatches] == [(2, "turn"), (2, "turn"), (1, "turn")]
        for seed, own in enumerate(scored):
            assert_same(own.scores, model.score(make_rows(2, seed)))

    run(Limits(), scenario)


def test_a_short_request_that_fails_is_refused_alone(exported: Exported) -> None:
    class Quick(SlowModel):
        seconds = 0.0

    model = Quick.load(exported.folder, threads=1)

    async def scenario(engine: Engine, _: list[Dispatch]) -> None:
        bad = make_rows(1)
        bad[0, 0] = POISON
        answers = [engine.submit(model, rows) for rows in (make_rows(1, 1), bad, make_rows(2, 2))]
        outcomes = await asyncio.gather(*answers, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Scored, NonFiniteOutputError, Scored]
        assert model.runs == [4, 1, 3, 1, 2]

    run(Limits(), scenario)
