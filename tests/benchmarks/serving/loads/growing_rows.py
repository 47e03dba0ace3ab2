"""How long a request takes by its rows: 1 to 100,000, binary tensors, one after the other."""

from collections.abc import Iterator

from service.manifest import MODEL_FILE
from tests.benchmarks.serving.bench import Bench, serve_alone
from tests.benchmarks.serving.model import VERSION, ask_rows
from tests.benchmarks.serving.protocols import binary_tensors
from tests.benchmarks.serving.rounds import interleave, spread
from tests.benchmarks.serving.sections import Section, as_dict
from tests.benchmarks.serving.targets import DIRECT, direct_loop, over_http

ROWS = (1, 10, 100, 1_000, 10_000, 100_000)
KEY = "growing_rows"
SERVED = "ChainzRule /v2 binary"
SETTINGS = (
    *("--max-rows", str(ROWS[-1])),
    *("--max-queue-rows", str(2 * ROWS[-1])),
    *("--max-body-bytes", str(16 * 2**20)),
    *("--deadline-seconds", "60"),
)


def growing_rows(bench: Bench) -> Iterator[Section]:
    """Yield the table of latencies by rows."""
    print("Latency by rows", flush=True)
    path = f"/v2/models/{ask_rows(1).manifest.name}/infer"
    rows: list[tuple[str, ...]] = []
    raw = {}
    pace = {"seconds": bench.pace.seconds}
    with serve_alone(binary_tensors(path)(ask_rows(1)), bench.cores.server, *SETTINGS) as server:
        server.freeze()
        for count in ROWS:
            asked = ask_rows(count)
            question = binary_tensors(path)(asked)
            served = over_http(SERVED, server, question, connections=1, cores=bench.cores, **pace)
            feed = {asked.manifest.table.tensor: asked.rows}
            with direct_loop(VERSION / MODEL_FILE, feed, cores=bench.cores.server, **pace) as direct:
                measured = interleave([served, direct], bench.pace.rounds)
            raw[str(count)] = {name: list(map(as_dict, rounds)) for name, rounds in measured.rounds.items()}
            if measured.faults:
                rows.append((f"{count:,}", "; ".join(measured.faults.values()), "", ""))
                continue
            half = spread([one.p50_ms for one in measured.rounds[SERVED]])
            tail = spread([one.p99_ms for one in measured.rounds[SERVED]])
            bare = spread([one.p50_ms for one in measured.rounds[DIRECT]])
            rows.append((f"{count:,}", f"{half.median:.2f}", f"{tail.median:.2f}", f"{bare.median:.2f}"))
    method = (
        "/v2 with binary tensors and all outputs, one connection, `max_rows` and its companions raised; beside it "
        f"onnxruntime called on all rows at once (`{DIRECT}`). The service runs at most `max_batch_rows` at a time."
    )
    columns = ("rows", "p50, ms", "p99, ms", f"{DIRECT}, p50, ms")
    yield Section(KEY, "Latency by rows", method, columns, rows, raw)
