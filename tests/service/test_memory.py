"""What is used for a while is given back."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.conftest import Exported
from tests.service.process import REQUIRES_PROC, Process, running

pytestmark = REQUIRES_PROC
KEY = "memory-memory-memory"


@pytest.fixture(scope="module")
def process(exported: Exported) -> Iterator[Process]:
    with running(exported.repository, "--drain-seconds", "0", CHAINZRULE_ADMIN_KEYS=KEY) as process:
        yield process


def post(process: Process, path: str, body: object) -> None:
    headers = {"authorization": f"Bearer {KEY}"}
    assert httpx2.post(process.url + path, json=body, headers=headers, timeout=60).status_code == 200


def test_unloading_and_loading_a_hundred_times_leaves_no_more_behind(process: Process) -> None:
    def cycle(times: int) -> float:
        for _ in range(times):
            for act in ("unload", "load"):
                post(process, f"/v2/repository/models/plant/{act}", {})
        return process.resident_megabytes()

    before = cycle(20)
    assert cycle(100) < 1.05 * before


def test_large_requests_do_not_stay(process: Process) -> None:
    def ask(rows: int) -> float:
        post(process, "/v1/models/plant:predict", {"instances": [[20, 5, 1000, 0]] * rows})
        return process.resident_megabytes()

    ask(1)
    once = ask(9000)
    for _ in range(10):
        again = ask(9000)
    assert again < once + 10
