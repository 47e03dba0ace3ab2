"""The whole process, as a user starts it and as an orchestrator stops it."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.conftest import Exported
from tests.service.balancer import PREDICT, Balancer, connecting
from tests.service.process import REQUIRES_PROC, Process, running

DESCRIPTION = b"GET /openapi.json HTTP/1.1\r\nhost: plant\r\n\r\n"

HUNG = {
    "a run": """
from concurrent.futures import ThreadPoolExecutor
ThreadPoolExecutor(1).submit(threading.Event().wait)
""",
    "a look at the repository": """
from service.inference.repository import Repository
refresh, looks = Repository.refresh, []
def hang_later(repository):
    if looks:
        print("hangs", file=sys.stderr, flush=True)
        threading.Event().wait()
    looks.append(refresh(repository))
Repository.refresh = hang_later
""",
}
"""What makes a thread of the service hang for good."""


def predict(url: str) -> httpx2.Response:
    return httpx2.post(f"{url}/v1/models/plant:predict", json={"instances": [[20, 5, 1000, 0]]})


@REQUIRES_PROC
def test_serves_without_the_offline_half_in_little_time_and_memory(exported: Exported) -> None:
    with running(exported.repository) as service:
        assert predict(service.url).status_code == 200
        assert service.seconds_to_ready < 10  # about one; a busy machine may take longer
        assert service.resident_megabytes() < 150


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_finishes_what_is_in_flight_when_told_to_stop_and_exits_0(exported: Exported, stop: signal.Signals) -> None:
    with running(exported.repository, "--drain-seconds", "1") as service:
        assert predict(service.url).status_code == 200
        body = json.dumps({"instances": [[20, 5, 1000, 0]]}).encode()

        def slow_body() -> Iterator[bytes]:
            yield body[:10]
            time.sleep(0.3)
            service.process.send_signal(stop)
            time.sleep(1.2)  # by now nobody listens any more
            yield body[10:]

        answer = httpx2.post(f"{service.url}/v1/models/plant:predict", content=slow_body(), timeout=20)
        assert answer.status_code == 200
        assert service.process.wait(timeout=20) == 0


def test_stays_up_and_not_ready_without_a_model(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        assert httpx2.get(f"{service.url}/v2/health/live").status_code == 200
        assert httpx2.get(f"{service.url}/v2/health/ready").status_code == 503


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_fails_no_request_of_200_clients_behind_a_balancer(exported: Exported, workers: int) -> None:
    async def scenario(service: Process) -> Balancer:
        balancer = Balancer(service.port)
        async with balancer.probing():
            clients = [asyncio.create_task(balancer.pooled(pause=0.5)) for _ in range(200)]
            async with asyncio.timeout(60):  # on a busy machine; else it takes less than a second
                while balancer.answered <= 400:
                    assert not balancer.turned_red
                    await asyncio.sleep(0.05)
            service.process.send_signal(signal.SIGTERM)
            before = balancer.answered
            await asyncio.gather(*clients)
            assert balancer.answered > before
            return balancer

    # It drains for as long as it does unless told otherwise, within which even a busy machine's balancer looks.
    with running(exported.repository, "--workers", str(workers)) as service:
        balancer = asyncio.run(scenario(service))
        assert service.process.wait(timeout=20) == 0
    assert balancer.failures == {}
    # It said so itself, so it was still listening, and nobody who heeded it was turned away.
    assert balancer.turned_red
    assert balancer.refused == 0


def test_without_draining_open_connections_still_have_their_requests_answered(exported: Exported) -> None:
    async def scenario(service: Process) -> Balancer:
        balancer = Balancer(service.port)
        clients = [asyncio.create_task(balancer.pooled(pause=0.1)) for _ in range(50)]
        await asyncio.sleep(1)
        service.process.send_signal(signal.SIGTERM)
        while not balancer.refused:
            await asyncio.sleep(0.05)
        balancer.stopped = True
        await asyncio.gather(*clients)
        return balancer

    with running(exported.repository, "--drain-seconds", "0") as service:
        balancer = asyncio.run(scenario(service))
        assert service.process.wait(timeout=20) == 0
    assert balancer.failures == {}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be told to complete no further connection")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_connection_that_was_established_is_answered_however_late_it_came(exported: Exported, workers: int) -> None:
    async def scenario(service: Process) -> Balancer:
        balancer = Balancer(service.port)
        clients = [asyncio.create_task(balancer.unpooled()) for _ in range(50)]
        await asyncio.sleep(1)
        service.process.send_signal(signal.SIGTERM)
        await asyncio.gather(*clients)
        return balancer

    with running(exported.repository, "--workers", str(workers), "--drain-seconds", "0") as service:
        balancer = asyncio.run(scenario(service))
        assert service.process.wait(timeout=20) == 0
    assert balancer.failures == {}
    assert balancer.refused >= 1


def test_a_request_that_arrives_piecemeal_while_the_service_stops_is_answered(exported: Exported) -> None:
    async def scenario(service: Process) -> None:
        async with connecting(service.port) as connect:
            begun, idle = await connect(), await connect()
            await begun.send(PREDICT[:20])
            await idle.ask()
            service.process.send_signal(signal.SIGTERM)
            assert await idle.ended()
            await begun.send(PREDICT[20:])
            answer = await begun.answer()
            assert answer.status == 200
            assert answer.closes
            assert await begun.ended()

    with running(exported.repository, "--drain-seconds", "0") as service:
        asyncio.run(scenario(service))
        assert service.process.wait(timeout=20) == 0


@pytest.mark.parametrize(
    ("workers", "signals"),
    [(1, (signal.SIGINT,)), (1, (signal.SIGTERM, signal.SIGTERM)), (2, (signal.SIGTERM, signal.SIGINT))],
)
def test_sigint_or_a_second_signal_skips_the_draining(
    exported: Exported, workers: int, signals: tuple[signal.Signals, ...]
) -> None:
    with running(exported.repository, "--workers", str(workers), "--drain-seconds", "300") as service:
        for number in signals:
            service.process.send_signal(number)
            time.sleep(0.5)
        assert service.process.wait(timeout=20) == 0


def test_a_client_that_reads_nothing_does_not_keep_the_process_when_told_to_stop(exported: Exported) -> None:
    stopping = ("--drain-seconds", "0", "--receive-seconds", "3", "--shutdown-seconds", "120")
    with running(exported.repository, *stopping) as service:
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.sendall(DESCRIPTION * 1000)
            time.sleep(2)  # by now the kernel holds all of the answers that it can
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(timeout=20) == 0
        assert "Traceback" not in "".join(service.log)


@pytest.mark.parametrize("hung", HUNG)
def test_a_thread_that_hangs_does_not_keep_the_process_when_told_to_stop(exported: Exported, hung: str) -> None:
    script = f"import sys, threading\n{HUNG[hung]}\nfrom service.__main__ import main\nmain()"
    command = [sys.executable, "-c", script, "--repository", str(exported.repository), "--port", "0"]
    command += ["--drain-seconds", "0", "--poll-seconds", "0.1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr is not None
        try:
            awaited = "running on" if hung == "a run" else "hangs"
            assert any(awaited in line for line in service.stderr)
            time.sleep(0.5)  # the server may only now have begun to listen
            service.send_signal(signal.SIGTERM)
            assert service.wait(timeout=20) == 0
            assert "leaving threads behind" in service.stderr.read()
        finally:
            service.kill()


def test_says_in_a_sentence_that_the_port_is_taken(exported: Exported) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "service", "--repository", str(exported.repository)]
        command += ["--port", str(taken.getsockname()[1])]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "cannot listen on 127.0.0.1 port" in ended.stderr
    assert "Traceback" not in ended.stderr
