"""From the start of the process to its first right answer, what it then holds, and the image's size."""

import shutil
import subprocess
from collections.abc import Iterator

from tests.benchmarks.serving.bench import Bench, serve_alone
from tests.benchmarks.serving.contenders import SERVICE
from tests.benchmarks.serving.model import ask_rows
from tests.benchmarks.serving.protocols import reliable_predictions
from tests.benchmarks.serving.rounds import spread
from tests.benchmarks.serving.sections import Section

IMAGE = "chainzrule-service"
"""As `docker-compose.yml` calls it."""


def start(bench: Bench) -> Iterator[Section]:
    """Yield the table of starts and memory; last of all loads, so that memory is what they left."""
    print("Start and memory", flush=True)
    question = reliable_predictions(ask_rows(1))
    starts = []
    for _ in range(2 * bench.pace.rounds):
        with serve_alone(question, bench.cores.server) as server:
            starts.append(server.seconds_to_answer)
    seconds = {name: server.seconds_to_answer for name, server in bench.servers.items()}
    seconds[SERVICE] = spread(starts).median
    after = {name: server.memory() for name, server in bench.servers.items()}
    rows = []
    for name, server in bench.servers.items():
        memory = (bench.idle_memory[name].resident, after[name].resident, after[name].proportional)
        cells = [f"{megabytes:.0f}" for megabytes in memory]
        rows.append((name, f"{seconds[name]:.2f}", *cells, str(len(server.pids()))))
    memory_columns = ("resident then, MB", "resident after all loads, MB", "the same, shared pages once, MB")
    columns = ("", "seconds to the first answer", *memory_columns, "processes")
    method = (
        "From the start of the process to its first right prediction, on one core, files cached: "
        f"{SERVICE} with the three bundled models, median of {len(starts)} starts "
        f"({min(starts):.2f} to {max(starts):.2f}); the others once, with one model. Memory is over all processes of a "
        "server."
    )
    raw = {
        "seconds": seconds,
        "starts": starts,
        "idle": {name: memory._asdict() for name, memory in bench.idle_memory.items()},
        "after": {name: memory._asdict() for name, memory in after.items()},
    }
    yield Section("start", "Start and memory", method, columns, rows, raw)
    size = image_size()
    yield Section("image", "Image", f"`docker image inspect {IMAGE}`.", ("size",), [(size,)], {"size": size})


def image_size() -> str:
    """Return the size of the service's image, or why there is none."""
    docker = shutil.which("docker")
    if docker is None:
        return "not measured: docker is not on the PATH"
    command = [docker, "image", "inspect", "--format", "{{.Size}}", IMAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"not measured: {done.stderr.strip().splitlines()[-1]}"
    return f"{int(done.stdout) / 1e6:.0f} MB"
