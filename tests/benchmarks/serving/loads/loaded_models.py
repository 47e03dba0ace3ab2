"""What loaded models cost: latency and memory with 1 to 200 of them, and memory once they are unloaded."""

import json
import shutil
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory

from service.manifest import MANIFEST_FILE
from tests.benchmarks.serving.bench import Bench, serve_alone
from tests.benchmarks.serving.model import VERSION, ask_rows
from tests.benchmarks.serving.processes import Server, ServerError
from tests.benchmarks.serving.protocols import reliable_predictions
from tests.benchmarks.serving.rounds import interleave, spread
from tests.benchmarks.serving.sections import Section, as_dict
from tests.benchmarks.serving.targets import over_http

COUNTS = (1, 10, 50, 200)
CONNECTIONS = 16
KEY = "a-key-for-the-benchmark-alone"


def loaded_models(bench: Bench) -> Iterator[Section]:
    """Yield the table by number of models."""
    print("Latency and memory by loaded models", flush=True)
    question = reliable_predictions(ask_rows(1))
    pace = {"seconds": bench.pace.seconds}
    rows: list[tuple[str, ...]] = []
    raw, resident = {}, {}
    for count in COUNTS:
        with TemporaryDirectory() as folder:
            copies = copy_model(Path(folder), count - 1)
            environment = {"CHAINZRULE_ADMIN_KEYS": KEY}
            arguments = ("--repository-mode", "explicit")
            with serve_alone(
                question, bench.cores.server, *arguments, repository=Path(folder), environment=environment
            ) as server:
                resident[count] = server.memory().resident
                targets = [
                    over_http(str(number), server, question, connections=number, cores=bench.cores, **pace)
                    for number in (1, CONNECTIONS)
                ]
                measured = interleave(targets, bench.pace.rounds)
                after_load = server.memory().resident
                server.thaw()
                unload(server, copies)
                after_unload = server.memory().resident
            if measured.faults:
                rows.append((str(count), "; ".join(measured.faults.values()), "", "", "", ""))
                continue
            half = spread([one.p50_ms for one in measured.rounds["1"]]).median
            rate = spread([one.rate for one in measured.rounds[str(CONNECTIONS)]]).median
            memory = (resident[count], after_load, after_unload)
            rows.append((str(count), f"{half:.3f}", f"{rate:,.0f}", *(f"{value:.0f}" for value in memory)))
            raw[str(count)] = {
                "rounds": {name: list(map(as_dict, rounds)) for name, rounds in measured.rounds.items()},
                "resident": dict(zip(("started", "after_load", "after_unload"), memory, strict=True)),
            }
    each = (resident[COUNTS[-1]] - resident[COUNTS[0]]) / (COUNTS[-1] - COUNTS[0])
    size = sum(file.stat().st_size for file in VERSION.iterdir()) / 2**20
    method = (
        f"Copies of the bundled model under other names; one row, /v1. A further version takes {each:.2f} MB of "
        f"resident memory, its files hold {size:.2f} MB. Last, all but one are unloaded by the repository API."
    )
    memory_columns = ("resident when started, MB", "after the load, MB", "after unloading all but one, MB")
    columns = ("models", "p50 at 1 connection, ms", f"requests/s at {CONNECTIONS}", *memory_columns)
    yield Section("loaded_models", "Latency and memory by loaded models", method, columns, rows, raw)


def copy_model(repository: Path, copies: int) -> list[str]:
    """Put the bundled model into a repository, and copies of it; return their names."""
    shutil.copytree(VERSION, repository / "pima" / "1")
    names = [f"copy-{number}" for number in range(copies)]
    for name in names:
        version = repository / name / "1"
        shutil.copytree(VERSION, version)
        manifest = version / MANIFEST_FILE
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"name": name}))
    return names


def unload(server: Server, names: list[str]) -> None:
    """Unload models by the repository API.

    Raises:
        ServerError: if one is refused.
    """
    connection = HTTPConnection("127.0.0.1", server.port)
    for name in names:
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        connection.request("POST", f"/v2/repository/models/{name}/unload", b"{}", headers)
        response = connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise ServerError(f"{name} was not unloaded: {response.status} {content[:200]!r}")
    connection.close()
