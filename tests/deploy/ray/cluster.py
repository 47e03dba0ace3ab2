"""The application on a cluster of its own, as `serve run` starts it from the configuration that is shipped."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import yaml

from tests.benchmarks.serving.processes import Server, serving

ROOT = Path(__file__).resolve().parents[3]
CONFIG = ROOT / "deploy/ray/serve.yaml"

_ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "RAY_USAGE_STATS_ENABLED": "0",
    # Nobody but this machine can reach it.
    "RAY_AUTH_MODE": "disabled",
    # How busy a replica is, it says every half second instead of ten.
    "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "0.5",
    "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "0.5",
}


class Cluster:
    """All its processes."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        self._server = server

    def replicas(self) -> list[int]:
        """The process ids of the service's replicas."""
        names = {pid: _name(pid) for pid in self._server.pids()}
        return sorted(pid for pid, name in names.items() if name.startswith("ray::ServeReplica:chainzrule:Service"))

    def stop(self, seconds: float) -> list[str]:
        """Interrupt it, and return what has not ended after so long."""
        self._server.process.send_signal(signal.SIGINT)
        self._server.process.wait(seconds)
        return [_name(pid) for pid in self._server.pids()]


def write_config(folder: Path, port: int, arguments: Mapping[str, Any], service: Mapping[str, Any]) -> Path:
    """Write the shipped configuration with another port, other arguments and other options of the deployment."""
    config = yaml.safe_load(CONFIG.read_text())
    config["http_options"] |= {"host": "127.0.0.1", "port": port}
    (application,) = config["applications"]
    application["args"] = dict(arguments)
    (deployment,) = application["deployments"]
    deployment |= service
    written = folder / f"{port}.yaml"
    written.write_text(yaml.safe_dump(config))
    return written


@contextmanager
def running_cluster(
    folder: Path, arguments: Mapping[str, Any], service: Mapping[str, Any], environment: Mapping[str, str]
) -> Iterator[Cluster]:
    """Run the application until the end of the block, on every core that there is."""

    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "tests.deploy.ray.launch", str(write_config(folder, port, arguments, service))]

    cores = sorted(os.sched_getaffinity(0))
    with serving(command, find_fault, cores, _ENVIRONMENT | environment) as server:
        yield Cluster(server)


def find_fault(server: Server) -> str | None:
    """Return what keeps the application from answering."""
    try:
        answer = httpx2.get(f"{server.url}/v2/health/ready", timeout=2)
    except httpx2.HTTPError as error:
        return str(error)
    return None if answer.status_code == 200 else answer.text


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    except OSError:
        return ""
