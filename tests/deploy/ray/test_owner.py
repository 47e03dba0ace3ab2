"""The owner of the metrics, told by replicas that are played. Without a cluster."""

import asyncio
from importlib.util import find_spec

import pytest

if find_spec("ray") is None:
    pytest.skip("the application needs the extra ray", allow_module_level=True)

from deploy.ray import link
from deploy.ray.link import Replica
from deploy.ray.owner import Owner
from service.workers.channel import Ask, Exposition, Report, Scrape, decode, encode
from service.workers.snapshot import Family, Sample

FIRST, SECOND = Replica("first", "serve", "1" * 16), Replica("second", "serve", "2" * 16)


def rows(count: float, question: int | None = None) -> bytes:
    return encode(Report([Family("rows", "Rows.", "counter", [Sample("rows_total", {}, count)])], True, question))


async def play(owner: Owner, replica: Replica, count: float) -> None:
    """Report, and whenever asked again."""
    await owner.tell(replica, [rows(count)])
    while True:
        for message in map(decode, await owner.listen(replica)):
            if isinstance(message, Ask):
                await owner.tell(replica, [rows(count, message.question)])


async def scrape(owner: Owner, replica: Replica) -> str:
    """Ask for the metrics of all as a replica that does nothing else."""
    await owner.tell(replica, [rows(0), encode(Scrape(7))])
    while True:
        for content in await owner.listen(replica):
            match message := decode(content):
                case Exposition():
                    return message.text.decode()
                case Ask():
                    await owner.tell(replica, [rows(0, message.question)])


def test_a_scrape_asks_every_replica(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> str:
        owner = Owner()
        playing = asyncio.create_task(play(owner, FIRST, 3))
        await asyncio.sleep(0.01)
        text = await scrape(owner, SECOND)
        playing.cancel()
        return text

    monkeypatch.setattr(Replica, "exists", lambda _: True)
    assert "\nrows_total 3.0\n" in asyncio.run(scenario())


@pytest.mark.parametrize("leaves", [True, False])
def test_who_is_gone_stays_counted_once_and_is_a_restart_only_if_it_did_not_leave(
    monkeypatch: pytest.MonkeyPatch, leaves: bool
) -> None:
    async def scenario() -> str:
        owner = Owner()
        await owner.tell(FIRST, [rows(3)])
        if leaves:
            await owner.leave(FIRST, [rows(4)])
        await asyncio.sleep(0.2)  # it has been looked up
        await owner.tell(FIRST, [rows(5)])  # was under way when it died
        assert await owner.listen(FIRST) == []
        return await scrape(owner, SECOND)

    monkeypatch.setattr(link, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(Replica, "exists", lambda replica: replica == SECOND)
    text = asyncio.run(scenario())
    assert f"\nrows_total {4.0 if leaves else 3.0}\n" in text
    assert f"\nchainzrule_worker_restarts_total {0.0 if leaves else 1.0}\n" in text
    assert "\nchainzrule_workers 1.0\n" in text
