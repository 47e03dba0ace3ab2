"""Several workers as one service: real processes, some of which are killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.inference.threads import available_cores
from service.listener import Listener
from service.settings import Settings
from service.workers import worker
from service.workers.supervisor import Supervisor
from tests.conftest import Exported
from tests.service.balancer import METRICS, READY, Balancer, Connection, connecting, post
from tests.service.process import REQUIRES_PROC, Process, running
from tests.service.workers import puppets

pytestmark = REQUIRES_PROC

ROWS = "chainzrule_rows_total{model=plant,version=1}"
ROUTE = "route=/v1/models/{name}:predict"
REQUESTS = f"chainzrule_http_requests_total{{method=POST,{ROUTE},status=200}}"
SECONDS = f"chainzrule_http_request_duration_seconds_count{{method=POST,{ROUTE}}}"
RELIABILITY = "chainzrule_reliability_sum{model=plant,version=1}"
SCRAPES = "chainzrule_http_requests_total{method=GET,route=/metrics,status=200}"


def parse(text: str) -> dict[str, float]:
    return {
        sample.name + "{" + ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items())) + "}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scrape(service: Process) -> dict[str, float]:
    async with connecting(service.port) as connect:
        return parse((await (await connect()).ask(METRICS)).content)


@pytest.fixture(scope="module")
def fleet(exported: Exported) -> Iterator[Process]:
    """Two workers, for tests that leave both alive."""
    with running(exported.repository, "--workers", "2") as service:
        yield service


async def one_to_each(service: Process, connect: Callable[[], Awaitable[Connection]]) -> dict[int, Connection]:
    """A connection to each worker, by the worker's process id."""
    found: dict[int, Connection] = {}
    while len(found) < 2:
        # Whoever is free takes them: several at once keep one worker busy.
        fresh = [await connect() for _ in range(10)]
        await asyncio.gather(*(connection.ask() for connection in fresh))
        owners = service.owners()
        found |= {owners[connection.port]: connection for connection in fresh}
    return found


def wait_until_gone(processes: list[int], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(is_running(process) for process in processes):
        assert time.monotonic() < deadline, "a worker outlived its supervisor"
        time.sleep(0.05)


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_ten_scrapes_of_two_workers_give_the_same_and_right_number_each_time(fleet: Process) -> None:
    async def scenario(service: Process) -> None:
        async with connecting(service.port) as connect:
            connections = list((await one_to_each(service, connect)).values())
            before = await scrape(service)
            for times, connection in zip((7, 5), connections, strict=True):
                for _ in range(times):
                    assert (await connection.ask()).status == 200
            reliability = None
            for turn in range(10):
                samples = parse((await connections[turn % 2].ask(METRICS)).content)
                for name in (ROWS, REQUESTS, SECONDS, "chainzrule_reliability_count{model=plant,version=1}"):
                    assert samples[name] == before[name] + 12
                assert samples[RELIABILITY] == (reliability := reliability or samples[RELIABILITY])
                assert samples[SCRAPES] == before.get(SCRAPES, 0) + 1 + turn
                assert samples["chainzrule_http_requests_in_progress{}"] == 1
                assert samples["chainzrule_queue_limit_rows{}"] == 2 * 20_000
                assert samples["chainzrule_workers{}"] == 2
                assert samples["chainzrule_threads{}"] == max(available_cores() // 2, 1)
                assert samples["chainzrule_model_ready{model=plant,version=1}"] == 1
                assert samples["process_resident_memory_bytes{}"] > 1e8

    asyncio.run(scenario(fleet))


def feedback_on(*names: str) -> bytes:
    return post("feedback", json.dumps({"feedback": [{"id": name, "label": "low"} for name in names]}).encode())


def test_feedback_reaches_the_worker_that_answered_by_way_of_any(exported: Exported) -> None:
    async def scenario(service: Process) -> None:
        async with connecting(service.port) as connect:
            workers = await one_to_each(service, connect)
            (victim, first), (_, second) = workers.items()
            names = [json.loads((await connection.ask()).content)["id"] for connection in (first, first, second)]
            assert names[0].split("-")[0] == names[1].split("-")[0] != names[2].split("-")[0]
            # All by way of the second, the first row twice.
            answer = await second.ask(feedback_on(names[0], names[2], names[0]))
            assert answer.status == 200
            told = json.loads(answer.content)
            assert told["accepted"] == 2
            assert [(each["index"], each["code"]) for each in told["refused"]] == [(2, "feedback_duplicate")]
            samples = await scrape(service)
            counts = [value for key, value in samples.items() if key.startswith("chainzrule_feedback_rows_total")]
            assert sum(counts) == 2
            assert samples["chainzrule_errors_total{code=feedback_duplicate}"] == 1

            os.kill(victim, signal.SIGSTOP)
            silent = await second.ask(feedback_on(names[1]))
            assert (silent.status, json.loads(silent.content)["error"]["code"]) == (503, "not_ready")
            os.kill(victim, signal.SIGKILL)
            deadline = time.monotonic() + 30
            while (gone := await second.ask(feedback_on(names[1]))).status != 404:
                assert time.monotonic() < deadline, gone.content
                await asyncio.sleep(0.1)
            error = json.loads(gone.content)["error"]
            assert error["code"] == "feedback_unknown"
            assert "forgotten when it ends" in error["message"]
            foreign = await second.ask(feedback_on("0123456789abcdef-0-01234567", "", "x" * 5000))
            assert foreign.status == 404
            assert len(foreign.content) < 400

    with running(exported.repository, "--workers", "2") as service:
        asyncio.run(scenario(service))


def test_a_killed_worker_takes_no_other_with_it_and_is_replaced_and_its_counts_stay(exported: Exported) -> None:
    async def scenario(service: Process) -> None:
        async with connecting(service.port) as connect:
            balancer = Balancer(service.port)
            clients = [asyncio.create_task(balancer.pooled(pause=0.3)) for _ in range(30)]
            await asyncio.sleep(1.5)
            owners = service.owners()
            workers = service.workers()
            victim = max(workers, key=lambda worker: list(owners.values()).count(worker))
            # The crowd may all be one worker's: each has one client for certain.
            clients_of = await one_to_each(service, connect)
            (survivor,) = (client for owner, client in clients_of.items() if owner != victim)
            before = await scrape(service)
            os.kill(victim, signal.SIGKILL)
            last = before
            deadline = time.monotonic() + 30
            while last["chainzrule_workers{}"] < 2 or last["chainzrule_worker_restarts_total{}"] < 1:
                assert time.monotonic() < deadline, "the worker was not replaced"
                assert (await survivor.ask()).status == 200
                await asyncio.sleep(0.1)
                samples = await scrape(service)
                for name, value in last.items():
                    if name.split("{")[0].endswith(("_total", "_bucket", "_count", "_sum")):
                        assert samples[name] >= value, f"{name} fell"
                last = samples
            balancer.stopped = True
            await asyncio.gather(*clients)
            # Nobody but the dead worker's own clients noticed, each of them once, and all found another.
            assert set(balancer.failures) <= {port for port, worker in owners.items() if worker == victim}
            assert all(len(failures) == 1 for failures in balancer.failures.values())
            assert balancer.refused == 0
            after = await scrape(service)
            assert after[ROWS] >= before[ROWS] + 1
            assert after["process_start_time_seconds{}"] == before["process_start_time_seconds{}"]
            assert victim not in service.workers()
            assert set(workers) - {victim} < set(service.workers())

    with running(exported.repository, "--workers", "2") as service:
        asyncio.run(scenario(service))
        service.process.send_signal(signal.SIGTERM)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(timeout=20) == 0


def test_a_worker_that_hangs_delays_a_scrape_by_a_second_and_keeps_its_counts(fleet: Process) -> None:
    async def scenario(service: Process) -> None:
        async with connecting(service.port) as connect:
            connections = await one_to_each(service, connect)
            (hanging, _), (_, other) = connections.items()
            await asyncio.sleep(1.5)  # it has reported
            before = parse((await other.ask(METRICS)).content)
            os.kill(hanging, signal.SIGSTOP)
            try:
                started = time.monotonic()
                samples = parse((await other.ask(METRICS)).content)
                assert 0.9 < time.monotonic() - started < 5
                assert samples[ROWS] == before[ROWS]
                assert samples[SCRAPES] == before.get(SCRAPES, 0) + 1
                # Who connects now is answered by the other.
                assert (await asyncio.wait_for((await connect()).ask(), 10)).status == 200
            finally:
                os.kill(hanging, signal.SIGCONT)

    asyncio.run(scenario(fleet))


def test_workers_leave_by_themselves_when_the_supervisor_is_killed(exported: Exported) -> None:
    with running(exported.repository, "--workers", "2", "--drain-seconds", "0") as service:
        workers = service.workers()
        assert len(workers) == 2
        service.process.kill()
        wait_until_gone(workers, 20)


def test_a_supervisor_that_is_late_to_stop_loses_nobody_who_has_connected(exported: Exported) -> None:
    async def scenario(service: Process) -> Balancer:
        workers, balancer = service.workers(), Balancer(service.port)
        async with connecting(service.port) as connect:
            connections = await one_to_each(service, connect)
            service.process.send_signal(signal.SIGTERM)
            for connection in connections.values():
                while (await connection.ask(READY)).status != 503:
                    await asyncio.sleep(0.01)
        service.process.send_signal(signal.SIGSTOP)
        try:
            clients = [asyncio.create_task(balancer.unpooled()) for _ in range(10)]
            while any(map(is_running, workers)):
                await asyncio.sleep(0.05)
        finally:
            service.process.send_signal(signal.SIGCONT)
        await asyncio.gather(*clients)
        return balancer

    with running(exported.repository, "--workers", "2", "--drain-seconds", "2") as service:
        balancer = asyncio.run(scenario(service))
        assert service.process.wait(timeout=20) == 0
    assert balancer.failures == {}
    assert balancer.answered > 0


def test_a_worker_that_keeps_dying_young_is_replaced_ever_more_slowly(exported: Exported) -> None:
    with running(exported.repository, "--workers", "2") as service:
        deaths = 3
        for death in range(deaths):
            deadline = time.monotonic() + 30
            # The last one is the youngest: the one that replaced the one killed before.
            while len(workers := service.workers()) < 2 or service_restarts(service) < death:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            os.kill(workers[-1], signal.SIGKILL)
        deadline = time.monotonic() + 30
        while service_restarts(service) < deaths:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        pauses = [line.split("pause_seconds=")[1].strip() for line in service.log if "pause_seconds=" in line]
    assert pauses == ["0.5", "1.0", "2.0"]


def service_restarts(service: Process) -> int:
    return sum("starting another worker" in line for line in service.log)


def test_gives_up_with_status_1_when_no_worker_can_start(exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('built for another machine')")
    command = [sys.executable, "-m", "service", "--repository", str(exported.repository), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(
        [*command, "--workers", "2"], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert ended.returncode == 1
    assert "a worker could not be started" in ended.stderr


def test_want_of_a_process_is_no_end_and_the_next_attempt_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    spawned: list[worker.Worker | None] = []
    spawn = worker.Worker.spawn

    def sometimes(*arguments: Any) -> worker.Worker:
        spawned.append(None)
        if len(spawned) == 3:
            raise OSError("no memory")
        spawned[-1] = started = spawn(*arguments)
        return started

    monkeypatch.setattr(worker.Worker, "spawn", sometimes)

    async def scenario() -> bool:
        with closing(Listener.bind("127.0.0.1", 0)) as listener:
            supervisor = Supervisor(Settings(repository=tmp_path, workers=2), listener, puppets.silent)
            running = asyncio.create_task(supervisor.run())
            while len(spawned) < 4:
                first = next(iter(spawned), None)
                await asyncio.sleep(0.1)
                if first is not None and len(spawned) == 2 and "running" in caplog.text:
                    first.signal(signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGTERM)
            return await running

    assert asyncio.run(scenario())


def test_chainzrule_serve_takes_workers_too(exported: Exported) -> None:
    command = ["-c", "from model_export.cli import main; main()", "serve", "--workers", "2", "--port", "0"]
    command += ["--repository", str(exported.repository), "--drain-seconds", "0"]
    with subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("running on http://127.0.0.1:" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        assert process.wait(timeout=20) == 0
