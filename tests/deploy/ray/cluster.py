"""The application on a cluster of its own, as `serve run` starts it from the configuration that is shipped."""

import http.client
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks.serving.processes import Server, serving

ROOT = Path(__file__).resolve().parents[3]
CONFIG = ROOT / "deploy/ray/serve.yaml"

_ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "RAY_USAGE_STATS_ENABLED": "0",
    # Nobody but this machine can reach it.
    "RAY_AUTH_MODE": "disabled",
    "RAY_enable_worker_prestart": "0",
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
def serving_cluster(
    folder: Path,
    arguments: Mapping[str, Any],
    service: Mapping[str, Any],
    environment: Mapping[str, str],
    cores: Sequence[int],
) -> Iterator[Server]:
    """Run the application until the end of the block."""

    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "tests.deploy.ray.launch", str(write_config(folder, port, arguments, service))]

    with serving(command, find_fault, cores, {**_ENVIRONMENT, **environment}) as server:
        yield server


@contextmanager
def running_cluster(
    folder: Path, arguments: Mapping[str, Any], service: Mapping[str, Any], environment: Mapping[str, str]
) -> Iterator[Cluster]:
    """Run the application on every core that there is."""
    cores = sorted(os.sched_getaffinity(0))
    with serving_cluster(folder, arguments, service, environment, cores) as server:
        yield Cluster(server)


def find_fault(server: Server) -> str | None:
    """Return what keeps the application from answering; asked a few times a second, since starting takes the cores."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=2)
    try:
        connection.request("GET", "/v2/health/ready")
        answer = connection.getresponse()
        return None if answer.status == 200 else str(answer.read())
    except (OSError, http.client.HTTPException) as error:
        time.sleep(0.2)
        return str(error)
    finally:
        connection.close()


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    except OSError:
        return ""
