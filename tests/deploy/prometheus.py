"""A Prometheus with the project's configuration and rules, in a process of its own."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
import yaml

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "prometheus" / "prometheus.yml"
RULES = CONFIGURATION.parent / "rules"

REQUIRES_PROMETHEUS = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="prometheus and promtool are not on the PATH",
)


class Prometheus:
    """Answers queries about what it has scraped and evaluated."""

    def __init__(self, url: str) -> None:
        self._client = httpx2.Client(base_url=url, trust_env=False, timeout=30)

    def own_metrics(self) -> str:
        """Return what it says of itself, in its text format."""
        return self._client.get("/metrics").text

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer of Prometheus's API."""
        answer = self._client.get(f"/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an expression has now, each with its labels `metric` and its last `value`."""
        return cast(list[dict[str, Any]], self.get("query", query=expression)["result"])

    def close(self) -> None:
        self._client.close()


@contextmanager
def scraping(targets: Sequence[str], folder: Path) -> Iterator[Prometheus]:
    """Scrape the services at `targets`, host:port, and evaluate every rule, each second, with all data in `folder`."""
    write_configuration(folder, [{"targets": list(targets)}], "1s")
    for path in (folder / "rules").iterdir():
        rules = yaml.safe_load(path.read_text(encoding="utf-8"))
        for group in rules["groups"]:
            group.pop("interval", None)
        path.write_text(yaml.safe_dump(rules), encoding="utf-8")
    with started(folder) as prometheus:
        yield prometheus


def write_configuration(folder: Path, targets: Sequence[dict[str, Any]], interval: str) -> None:
    """Copy the project's configuration and rules, except for where the services are and how often all is looked at.

    Args:
        folder: where to.
        targets: the services, as Prometheus's `static_configs`.
        interval: between scrapes, and between evaluations of the groups that say nothing else.
    """
    configuration = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    configuration["global"] |= {"scrape_interval": interval, "evaluation_interval": interval}
    (job,) = (job for job in configuration["scrape_configs"] if job["job_name"] == "chainzrule")
    del job["dns_sd_configs"]
    job["static_configs"] = list(targets)
    configuration["scrape_configs"] = [job]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    shutil.copytree(RULES, folder / "rules")


@contextmanager
def started(folder: Path) -> Iterator[Prometheus]:
    """Run Prometheus with the configuration in `folder`, where its data go too."""
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
    ]
    log = folder / "prometheus.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        prometheus = Prometheus(_address(process, log))
        yield prometheus
        prometheus.close()
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            # It writes down what it holds, which of a large fleet takes long.
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until Prometheus answers, and return its address."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        text = log.read_text()
        listening = re.search(r'msg="Listening on" .*?address=(127\.0\.0\.1:\d+)', text)
        if listening is not None and "Server is ready to receive web requests" in text:
            return f"http://{listening[1]}"
        time.sleep(0.1)
    pytest.fail(f"Prometheus did not start: {log.read_text()}")
