"""Batching, admission and deadlines, on a real model made slow."""

import asyncio
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import DeadlineError, NonFiniteOutputError, OverloadedError, TooManyRowsError
from service.inference import engine as engine_module
from service.inference.engine import Engine, Limits
from service.inference.jobs import Dispatch, Scored
from service.inference.model import Model
from tests.conftest import Exported
from tests.service.inference.slow_model import POISON, SlowModel, assert_same, make_rows, run


@pytest.fixture
def slow(exported: Exported) -> SlowModel:
    return SlowModel.load(exported.folder, threads=1)


def test_a_long_run_leaves_the_event_loop_free(exported: Exported) -> None:
    class VerySlow(SlowModel):
        seconds = 0.3

    model = VerySlow.load(exported.folder, threads=1)

    async def scenario(engine: Engine, _: list[Dispatch]) -> None:
        answer = engine.submit(model, make_rows(1))
        turns = 0
        while not answer.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert turns > 50
        assert (await answer).run.seconds >= 0.3

    run(Limits(), scenario)


def test_an_idle_engine_runs_at_once_and_what_waits_leaves_together(slow: SlowModel) -> None:
    async def scenario(engine: Engine, dispatches: list[Dispatch]) -> None:
        answers = [engine.submit(slow, make_rows(count, count)) for count in (1, 2, 3, 4)]
        assert engine.queued_rows == 10  # the one being run among them
        await asyncio.gather(*answers)
        assert [(d.requests, d.rows, d.reason) for d in dispatches] == [(1, 1, "idle"), (3, 9, "waiting")]
        assert slow.runs == [1, 9]
        assert dispatches[0].waited < 0.01 < dispatches[1].waited
        assert engine.queued_rows == 0

    run(Limits(), scenario)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(counts=st.lists(st.integers(1, 9), min_size=1, max_size=12), batch_rows=st.integers(1, 16))
def test_batched_answers_equal_those_given_one_by_one(slow: SlowModel, counts: list[int], batch_rows: int) -> None:
    slow.seconds = 0.001
    requests = [make_rows(count, seed) for seed, count in enumerate(counts)]

    async def scenario(engine: Engine, dispatches: list[Dispatch]) -> None:
        scored = await asyncio.gather(*(engine.submit(slow, rows) for rows in requests))
        for rows, own in zip(requests, scored, strict=True):
            assert_same(own.scores, slow.score(rows))
        assert sum(dispatch.requests for dispatch in dispatches) == len(requests)
        assert all(d.rows <= batch_rows or d.requests == 1 for d in dispatches)

    run(Limits(batch_rows=batch_rows), scenario)


def test_a_request_larger_than_a_batch_runs_in_pieces(slow: SlowModel) -> None:
    async def scenario(engine: Engine, _: list[Dispatch]) -> None:
        scored = await engine.submit(slow, make_rows(25))
        assert slow.runs == [10, 10, 5]
        assert_same(scored.scores, slow.score(make_rows(25)))

    run(Limits(batch_rows=10), scenario)


def test_one_member_cancelled_touches_no_other_and_is_not_run(slow: SlowModel) -> None:
    async def scenario(engine: Engine, _: list[Dispatch]) -> None:
        first = engine.submit(slow, make_rows(1))
        others = [engine.submit(slow, make_rows(1, seed)) for seed in range(1, 9)]
        others[3].cancel()
        await first
        scored = await asyncio.gather(*others, return_exceptions=True)
        assert slow.runs == [1, 7]
        for seed, own in enumerate(scored, start=1):
            if seed == 4:
                assert isinstance(own, asyncio.CancelledError)
            else:
                assert isinstance(own, Scored)
                assert_same(own.scores, slow.score(make_rows(1, seed)))

    run(Limits(), scenario)


def test_one_member_failing_is_refused_alone(slow: SlowModel) -> None:
    async def scenario(engine: Engine, _: list[Dispatch]) -> None:
        engine.submit(slow, make_rows(1))
        bad = make_rows(1)
        bad[0, 0] = POISON
        outcomes = await asyncio.gather(
            *(engine.submit(slow, rows) for rows in (make_rows(2, 1), bad, make_rows(3, 2))),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [Scored, NonFiniteOutputError, Scored]
        assert slow.runs == [1, 6, 2, 4, 1, 3]

    run(Limits(), scenario)


def test_models_take_turns(exported: Exported) -> None:
    one, other = (SlowModel.load(exported.folder, threads=1) for _ in range(2))

    async def scenario(engine: Engine, dispatches: list[Dispatch]) -> None:
        answers = [engine.submit(one, make_rows(2)) for _ in range(4)]
        answers.append(engine.submit(other, make_rows(2)))
        await asyncio.gather(*answers)
        assert [d.model is one for d in dispatches] == [True, True, False, True]

    run(Limits(batch_rows=4), scenario)


def test_with_a_delay_an_idle_engine_waits_for_company(slow: SlowModel) -> None:
    async def scenario(engine: Engine, dispatches: list[Dispatch]) -> None:
        early = engine.submit(slow, make_rows(1))
        await asyncio.sleep(0.02)
        late = engine.submit(slow, make_rows(1))
        await asyncio.gather(early, late)
        assert [(d.requests, d.reason) for d in dispatches] == [(2, "delay")]
        assert dispatches[0].waited >= 0.1
        full = engine.submit(slow, make_rows(8))
        assert dispatches[-1].reason == "full"
        await full

    run(Limits(batch_rows=8, delay=0.1), scenario)


@pytest.mark.parametrize("count", [1, 7])
def test_a_full_queue_refuses_in_rows_whatever_the_request_s_shape(slow: SlowModel, count: int) -> None:
    async def scenario(engine: Engine, _: list[Dispatch]) -> None:
        answers = [engine.submit(slow, make_rows(count)) for _ in range(14 // count)]
        assert engine.queued_rows == 14
        assert engine.saturated
        with pytest.raises(OverloadedError, match="14 rows are waiting and the queue holds 14") as refusal:
            engine.submit(slow, make_rows(count))
        assert refusal.value.retry_after >= 1
        await asyncio.gather(*answers)
        assert engine.queued_rows == 0
        await engine.submit(slow, make_rows(20))  # an empty queue takes any size

    run(Limits(queue_rows=14), scenario)


def test_what_cannot_be_answered_before_its_deadline_is_refused_at_the_door(slow: SlowModel) -> None:
    async def scenario(engine: Engine, _: list[Dispatch]) -> None:
        answers: list[asyncio.Future[Scored]] = []

        def submit_many() -> None:
            answers.extend(engine.submit(slow, make_rows(1)) for _ in range(100))

        started = time.monotonic()
        with pytest.raises(OverloadedError, match=r"more than the deadline of 0\.2 s allows"):
            submit_many()
        assert 3 <= len(answers) <= 10
        await asyncio.gather(*answers)
        assert time.monotonic() - started < 0.2

    run(Limits(deadline=0.2), scenario)


def test_a_deadline_that_passes_in_the_queue_is_honoured_there(slow: SlowModel) -> None:
    async def scenario(engine: Engine, _: list[Dispatch]) -> None:
        first = engine.submit(slow, make_rows(1))
        second = engine.submit(slow, make_rows(1))
        slow.seconds = 0.3  # the machine becomes slower than the estimate knew
        await first
        third = engine.submit(slow, make_rows(1))
        await second
        with pytest.raises(DeadlineError, match="the request waited"):
            await third
        assert len(slow.runs) == 2

    run(Limits(deadline=0.2), scenario)


def test_a_run_that_hangs_shows(slow: SlowModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "STALLED_SECONDS", 0.1)

    async def scenario(engine: Engine, _: list[Dispatch]) -> None:
        slow.seconds = 0.4
        answer = engine.submit(slow, make_rows(1))
        seen = [engine.stalled]
        await asyncio.sleep(0.2)
        seen.append(engine.stalled)
        await answer
        assert [*seen, engine.stalled] == [False, True, False]

    run(Limits(), scenario)


def test_a_full_queue_of_a_slow_model_does_not_refuse_a_quick_one(exported: Exported, slow: SlowModel) -> None:
    quick = Model.load(exported.folder, threads=1)

    async def scenario(engine: Engine, _: list[Dispatch]) -> None:
        answers = [engine.submit(slow, make_rows(1)) for _ in range(4)]
        with pytest.raises(OverloadedError):
            engine.check_capacity(slow)
        engine.check_capacity(quick)
        await engine.submit(quick, make_rows(1))
        assert not answers[-1].done()
        await asyncio.gather(*answers)

    run(Limits(queue_rows=4), scenario)


def test_learns_that_the_machine_has_become_slower(slow: SlowModel) -> None:
    async def scenario(engine: Engine, _: list[Dispatch]) -> None:
        slow.seconds = 0.1
        for _run in range(10):
            await engine.submit(slow, make_rows(1))
        running = engine.submit(slow, make_rows(1))
        assert engine.expected_wait > 0.05
        await running

    run(Limits(), scenario)


def test_one_long_pause_of_the_machine_does_not_end_all_admission(slow: SlowModel) -> None:
    async def scenario(engine: Engine, _: list[Dispatch]) -> None:
        slow.seconds = 1.0
        await engine.submit(slow, make_rows(1))
        slow.seconds = 0.02
        for _run in range(5):
            await engine.submit(slow, make_rows(1))

    run(Limits(deadline=0.2), scenario)


def test_who_has_hung_up_takes_up_no_room(slow: SlowModel) -> None:
    async def scenario(engine: Engine, _: list[Dispatch]) -> None:
        first = engine.submit(slow, make_rows(1))
        gone = engine.submit(slow, make_rows(9))
        assert engine.queued_rows == 10
        gone.cancel()
        await asyncio.sleep(0)
        assert engine.queued_rows == 1
        await engine.submit(slow, make_rows(9))
        await first
        assert engine.queued_rows == 0

    run(Limits(queue_rows=10), scenario)


def test_a_batch_is_kept_so_small_that_who_waited_longest_is_in_time(slow: SlowModel) -> None:
    async def scenario(engine: Engine, dispatches: list[Dispatch]) -> None:
        slow._seconds_a_run, slow._seconds_a_unit = 0.001, 0.01
        answers = [engine.submit(slow, make_rows(1, seed)) for seed in range(2)]
        answers += [engine.submit(slow, make_rows(9, seed)) for seed in range(2)]
        engine._pace = 1.6
        await asyncio.gather(*answers)
        assert [d.rows for d in dispatches] == [1, 10, 9]

    run(Limits(deadline=0.25), scenario)


def test_what_could_not_be_in_time_even_by_itself_is_too_large(slow: SlowModel) -> None:
    async def scenario(engine: Engine, _: list[Dispatch]) -> None:
        slow._seconds_a_unit = 0.01
        with pytest.raises(TooManyRowsError, match="100 rows should take"):
            engine.submit(slow, make_rows(100))

    run(Limits(deadline=0.5), scenario)


def test_a_text_costs_its_tokens_and_not_a_row(texts: Exported) -> None:
    model = Model.load(texts.folder, threads=1)
    short, long = (model.tokenizer.encode([text] * 64).rows for text in ("bad", "good " * 100))

    async def scenario(engine: Engine, _: list[Dispatch]) -> None:
        # 64 short texts should take 0.19 s of the deadline's 0.5 s, and 64 long ones 1.5 s
        model._seconds_a_run, model._seconds_a_unit = 0.0, 0.001
        assert model.units(short) == 192
        first = engine.submit(model, short)
        assert engine.expected_wait == pytest.approx(0.192)
        with pytest.raises(TooManyRowsError, match=r"64 rows should take 1\.54 s, more than the deadline of 0\.5 s"):
            engine.submit(model, long)
        with pytest.raises(OverloadedError, match=r"14 rows should take 0\.336 s after 0\.192 s of waiting"):
            engine.submit(model, long[:14])
        answers = [first, engine.submit(model, long[:9]), engine.submit(model, short[:1])]
        for scored, rows in zip(await asyncio.gather(*answers), (short, long[:9], short[:1]), strict=True):
            assert_same(scored.scores, model.score(rows))
        assert engine.expected_wait == 0

    run(Limits(deadline=0.5), scenario)


def test_a_short_text_is_run_at_once_and_a_long_one_in_the_thread(texts: Exported) -> None:
    model = Model.load(texts.folder, threads=1)
    short, long = (model.tokenizer.encode([text]).rows for text in ("bad", "good " * 100))

    async def scenario(engine: Engine, dispatches: list[Dispatch]) -> None:
        model._seconds_a_run, model._seconds_a_unit = 0.0, 0.0001
        await asyncio.gather(*(engine.submit(model, rows) for rows in (short, short, long)))
        assert sorted((d.requests, d.reason) for d in dispatches) == [(1, "idle"), (1, "turn"), (1, "turn")]

    run(Limits(), scenario)
