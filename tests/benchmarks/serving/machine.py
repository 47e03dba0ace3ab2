"""The machine: which cores serve and which ask, and what it is, for a reader of the results."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

OURS = ("fastapi", "httptools", "msgspec", "numpy", "onnxruntime", "orjson", "pydantic", "uvicorn", "uvloop")
"""What the floor, the ceiling, naive FastAPI and the service share: one environment, the same versions."""


class Cores(NamedTuple):
    """Who runs where."""

    server: tuple[int, ...]
    generator: tuple[int, ...]
    every: tuple[int, ...]

    @property
    def apart(self) -> bool:
        """Whether the load generator leaves the server's cores alone."""
        return not set(self.server) & set(self.generator)


def divide_cores() -> Cores:
    """Return the first core for the server and the last for the load generator; of one core, the same."""
    cores = sorted(os.sched_getaffinity(0))
    return Cores((cores[0],), (cores[-1],), tuple(cores))


def pinned(command: Sequence[str], cores: Sequence[int]) -> list[str]:
    """Return the command that runs `command`, and whatever it starts, on those cores."""
    return ["taskset", "--cpu-list", ",".join(map(str, cores)), *command]


def describe_machine(cores: Cores) -> dict[str, str]:
    """Return what the results depend on."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024**2
    where = "server and load generator on a core each" if cores.apart else "server and load generator on one core"
    return {
        "processor": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": str(len(cores.every)),
        "placement": where,
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in OURS},
    }
