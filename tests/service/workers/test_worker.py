"""One worker as its supervisor sees it, played by a process that does nothing else."""

import asyncio
import signal
from contextlib import closing
from pathlib import Path

import pytest

from service.listener import Listener
from service.settings import Settings
from service.workers import worker
from service.workers.channel import Refusal, Told
from service.workers.fleet_metrics import FleetMetrics
from tests.service.workers import puppets


class Nobody:
    """No other workers."""

    async def exposition(self) -> bytes:
        return b""

    async def judge(self, told: Told) -> list[Refusal | None]:
        return [None] * len(told.labels)


def life(work: worker.Work, repository: Path, metrics: FleetMetrics) -> worker.Worker:
    """Live through a worker's whole life."""

    async def scenario() -> worker.Worker:
        with closing(Listener.bind("127.0.0.1", 0)) as listener:
            spawned = worker.Worker.spawn(work, Settings(repository=repository, workers=2), listener, metrics)
            await asyncio.wait_for(spawned.live(Nobody()), 30)
            return spawned

    return asyncio.run(scenario())


def test_a_worker_whose_run_has_hung_is_told_to_leave_and_its_counts_stay(tmp_path: Path) -> None:
    metrics = FleetMetrics()
    assert life(puppets.hung_run, tmp_path, metrics).exit_code == 0
    assert b"\nrows_total 3.0\n" in metrics.exposition()
    assert b"\nchainzrule_workers 0.0\n" in metrics.exposition()


def test_a_worker_that_falls_silent_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "SILENT_SECONDS", 0.3)
    metrics = FleetMetrics()
    assert life(puppets.silent, tmp_path, metrics).exit_code == -signal.SIGKILL
    assert b"\nrows_total 3.0\n" in metrics.exposition()


def test_a_worker_that_ends_at_once_was_never_started(tmp_path: Path) -> None:
    ended = life(puppets.dead, tmp_path, FleetMetrics())
    assert ended.exit_code == 3
    assert not ended.started.is_set()
