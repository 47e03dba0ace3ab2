"""A version trained on newer rows, put into a service that goes on answering, and tried on a share of its requests."""

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from model_export import commands
from model_export.examples.update_in_place import main
from tests.conftest import Exported
from tests.service.inference.test_repository import add
from tests.service.process import Process, running

ROWS, EPOCHS = 400, 8
SHARE, REQUESTS = 0.25, 2000
PREDICT = "/v1/models/returns:predict"
INSTANCE = {"price": 60.0, "items": 3, "country": "FR", "first": False}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the example makes: version 1 of the older rows, version 2 of newer ones too, and rows to compare on. Not to
    be written to."""
    folder = tmp_path_factory.mktemp("shop")
    main(folder, rows=ROWS, epochs=EPOCHS)
    return folder


@pytest.fixture(scope="module")
def exported_twice(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = tmp_path_factory.mktemp("twice")
    for version in (1, 2):
        add(exported, repository, "plant", version)
    return repository


def shares(url: str) -> dict[str, dict[str, float]]:
    """What the metrics say of each version: its share of the requests, those that it answered, and their rows."""
    names = {
        "chainzrule_canary_share": "share",
        "chainzrule_rows_total": "rows",
        "chainzrule_stage_duration_seconds_count": "requests",
    }
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(httpx2.get(f"{url}/metrics").text):
        for sample in family.samples:
            if sample.name in names and sample.labels.get("stage", "run") == "run":
                found.setdefault(sample.labels["version"], {})[names[sample.name]] = sample.value
    return found


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Clients:
    """Ask without a version, each on a connection of its own, until told to stop."""

    def __init__(self, url: str, count: int) -> None:
        self.answered: Counter[str] = Counter()
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(url,)) for _ in range(count)]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, url: str) -> None:
        with httpx2.Client(base_url=url, timeout=20) as http:
            while not self._stop.is_set():
                answer = http.post(PREDICT, json={"instances": [INSTANCE]})
                if answer.status_code == 200:
                    self.answered[answer.json()["model_version"]] += 1
                else:
                    self.failures.append(answer.text)


def versions_asked(service: Process, **headers: str) -> str:
    answer = httpx2.post(service.url + PREDICT, json={"instances": [INSTANCE]}, headers=headers)
    version: str = answer.json()["model_version"]
    return version


def test_a_newer_version_takes_its_share_while_requests_go_on_and_none_fails(shop: Path, tmp_path: Path) -> None:
    versions, served = shop / "models" / "returns", tmp_path / "returns"
    shutil.copytree(versions / "1", served / "1")
    settings = ("--canary", f"returns/2={SHARE}", "--poll-seconds", "0.1", "--drain-seconds", "0")
    with running(tmp_path, *settings) as service:
        assert shares(service.url)["1"]["share"] == 1
        with Clients(service.url, count=2) as clients:
            until(lambda: clients.answered["1"] > 20)
            shutil.copytree(versions / "2", served / "2")  # file by file: what is half there is left alone
            until(lambda: shares(service.url).get("2", {}).get("share") == SHARE)
            before = Counter(clients.answered)
            until(lambda: (clients.answered - before).total() > REQUESTS)
        assert not clients.failures
        since = clients.answered - before
        # Five standard deviations of a binomial share.
        deviation = (SHARE * (1 - SHARE) / since.total()) ** 0.5
        assert abs(since["2"] / since.total() - SHARE) < 5 * deviation

        told = shares(service.url)
        assert {version: said["share"] for version, said in told.items()} == {"1": 1 - SHARE, "2": SHARE}
        for counted in ("requests", "rows"):
            assert {version: said[counted] for version, said in told.items()} == dict(clients.answered)

        names = [f"order-{number}" for number in range(20)]
        answered = [versions_asked(service, **{"x-request-id": name}) for name in names]
        assert set(answered) == {"1", "2"}
        assert answered == [versions_asked(service, **{"x-request-id": name}) for name in names]

        tensor = {"name": "features", "shape": [1, 4], "datatype": "FP32", "data": [60.0, 3, 0, 1]}
        with httpx2.Client(base_url=service.url) as http:
            for name, version in zip(names, answered, strict=True):
                infer = http.post("/v2/models/returns/infer", json={"inputs": [tensor]}, headers={"x-request-id": name})
                assert infer.json()["model_version"] == version
            for version in ("1", "2"):
                asked = http.post(f"/v1/models/returns/versions/{version}:predict", json={"instances": [INSTANCE]})
                assert asked.json()["model_version"] == version
            described = http.get("/v2/models/returns").json()
            assert described == http.get("/v2/models/returns/versions/1").json()
            assert described["versions"] == ["1", "2"]
            assert http.get("/v2/models/returns/ready").json()["ready"]

        shutil.rmtree(served / "2")
        until(lambda: "2" not in shares(service.url))
        assert {versions_asked(service, **{"x-request-id": name}) for name in names} == {"1"}
        assert shares(service.url)["1"]["share"] == 1


def test_workers_agree_on_the_version_of_a_request(exported_twice: Path) -> None:
    with running(exported_twice, "--canary", "plant/2=0.5", "--workers", "2", "--drain-seconds", "0") as service:
        for number in range(12):
            answers = [
                httpx2.post(
                    f"{service.url}/v1/models/plant:predict",
                    json={"instances": [[20, 5, 1000, 0]]},
                    headers={"x-request-id": f"retry-{number}"},
                ).json()["model_version"]
                for _ in range(6)  # each on a connection of its own, which either worker may take
            ]
            assert len(set(answers)) == 1


def test_compare_says_which_version_is_worse_by_its_exit_code(shop: Path) -> None:
    old, new = (str(shop / "models" / "returns" / version) for version in "12")
    data = ["--data", str(shop / "orders.csv")]
    compared = CliRunner().invoke(commands.app, ["compare", old, new, *data])
    assert compared.exit_code == 0, compared.output
    assert "categories of country: added ES" in compared.output
    assert "not shown to be worse: accuracy" in compared.output
    back = ["compare", new, old, *data]
    assert CliRunner().invoke(commands.app, back).exit_code == 1
    assert CliRunner().invoke(commands.app, [*back, "--tolerance", "0.5"]).exit_code == 0
    assert CliRunner().invoke(commands.app, [*back, "--target", "price"]).exit_code == 2
