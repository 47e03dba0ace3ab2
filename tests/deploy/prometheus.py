"""A Prometheus with the project's configuration and rules, in a process of its own."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
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
        self._client = httpx2.Client(base_url=url, trust_env=False)

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
def scraping(target: str, folder: Path) -> Iterator[Prometheus]:
    """Scrape the service at `target`, host:port, and evaluate every rule, each second, with all data in `folder`."""
    _write_configuration(target, folder)
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
        process.wait(timeout=20)


def _write_configuration(target: str, folder: Path) -> None:
    """Copy the project's configuration, except for where the service is and how often all is looked at."""
    configuration = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    configuration["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (job,) = (job for job in configuration["scrape_configs"] if job["job_name"] == "chainzrule")
    del job["dns_sd_configs"]
    job["static_configs"] = [{"targets": [target]}]
    configuration["scrape_configs"] = [job]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    (folder / "rules").mkdir()
    for path in RULES.glob("*.yml"):
        rules = yaml.safe_load(path.read_text(encoding="utf-8"))
        for group in rules["groups"]:
            group.pop("interval", None)
        (folder / "rules" / path.name).write_text(yaml.safe_dump(rules), encoding="utf-8")


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
