"""1,024 rows a request, JSON and binary, beside calling onnxruntime without any server."""

from collections.abc import Iterator

from service.manifest import MODEL_FILE
from tests.benchmarks.serving.bench import Bench
from tests.benchmarks.serving.contenders import CEILING
from tests.benchmarks.serving.model import VERSION, ask_rows
from tests.benchmarks.serving.protocols import binary_tensors, columns, tensors
from tests.benchmarks.serving.rounds import interleave
from tests.benchmarks.serving.sections import Section, comparison
from tests.benchmarks.serving.targets import DIRECT, direct_loop, over_http

ROWS, CONNECTIONS = 1024, 4


def large_batches(bench: Bench) -> Iterator[Section]:
    """Yield the table of 1,024 rows."""
    title = f"{ROWS:,} rows, JSON and binary, {CONNECTIONS} connections"
    print(title, flush=True)
    asked = ask_rows(ROWS)
    path = f"/v2/models/{asked.manifest.name}/infer"
    asks = {
        "ChainzRule /v2 binary": (bench.service, binary_tensors(path)),
        "ChainzRule /v2 JSON": (bench.service, tensors(path, select=False)),
        f"{CEILING}, JSON": (bench.servers[CEILING], columns("/")),
    }
    pace = {"seconds": bench.pace.seconds}
    targets = [
        over_http(name, server, ask(asked), connections=CONNECTIONS, cores=bench.cores, **pace)
        for name, (server, ask) in asks.items()
    ]
    feed = {asked.manifest.table.tensor: asked.rows}
    with direct_loop(VERSION / MODEL_FILE, feed, cores=bench.cores.server, **pace) as direct:
        measured = interleave([*targets, direct], bench.pace.rounds)
    method = (
        f"All outputs, sensitivity included; {CEILING} its two alone, of the plain graph. `{DIRECT}`: one process "
        "calls onnxruntime on these rows over and over, the service's graph with all outputs, on the server's core."
    )
    yield comparison("large_batches", title, method, measured, DIRECT, rows_a_request=ROWS, connections=CONNECTIONS)
