import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from service.core import Core, follow_repository, make_core
from service.settings import Settings
from tests.conftest import Exported


def following(core: Core, scenario: Callable[[], Awaitable[None]]) -> None:
    async def play() -> None:
        task = asyncio.create_task(follow_repository(core))
        try:
            await scenario()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            core.engine.close()

    asyncio.run(play())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


def add(exported: Exported, root: Path, version: int) -> None:
    """As a careful copy does it: under another name first."""
    staging = Path(shutil.copytree(exported.folder, root / "plant" / ".staging"))
    manifest = json.loads((staging / "manifest.json").read_text())
    (staging / "manifest.json").write_text(json.dumps({**manifest, "version": version}))
    staging.rename(root / "plant" / str(version))


def test_a_version_that_comes_is_served_and_named_in_the_metrics(exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "plant").mkdir()
    core = make_core(Settings(repository=tmp_path, poll_seconds=0.1))
    assert core.health.obstacles == ["no model is being served"]

    async def scenario() -> None:
        add(exported, tmp_path, 1)
        await until(lambda: core.repository.versions("plant") == [1])
        assert core.health.obstacles == []
        add(exported, tmp_path, 2)
        await until(lambda: core.repository.get("plant").manifest.version == 2)
        shutil.rmtree(tmp_path / "plant" / "1")
        await until(lambda: core.repository.versions("plant") == [2])
        await until(lambda: b'chainzrule_model_ready{model="plant",version="1"}' not in core.metrics.exposition())
        assert b'chainzrule_model_ready{model="plant",version="2"} 1.0' in core.metrics.exposition()

    following(core, scenario)


def test_a_look_that_fails_is_not_the_last(exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "plant").mkdir()
    core = make_core(Settings(repository=tmp_path, poll_seconds=0.1))
    refresh, looks = core.repository.refresh, []

    def fail_once() -> None:
        looks.append(1)
        if len(looks) == 1:
            raise RuntimeError("out of luck")
        refresh()

    core.repository.refresh = fail_once  # type: ignore[method-assign]
    add(exported, tmp_path, 1)

    async def scenario() -> None:
        await until(lambda: core.repository.ready)

    following(core, scenario)
    assert len(looks) >= 2
