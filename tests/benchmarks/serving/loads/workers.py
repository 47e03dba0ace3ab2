"""Two workers beside one.

Two workers and a load generator need three cores. Where there are, both are measured as they are, the generator on a
core of its own. On two cores it would take from the second worker what it measures, so the rate of two workers is
inferred from what cannot be taken: processor seconds a request.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.benchmarks.serving.bench import Bench, serve_alone
from tests.benchmarks.serving.model import ask_rows
from tests.benchmarks.serving.protocols import reliable_predictions
from tests.benchmarks.serving.questions import find_fault_of
from tests.benchmarks.serving.rounds import FaultyError, ratio, spread
from tests.benchmarks.serving.sections import Section
from tests.benchmarks.serving.wrk import run_wrk

CONNECTIONS = 64
WARM_UP_SECONDS = 1


class Run(NamedTuple):
    """One round of one placement."""

    rate: float
    processor_seconds: float
    """of all the server's processes, a request"""


class Placement(NamedTuple):
    """How many workers, and who runs where."""

    workers: int
    server: Sequence[int]
    generator: Sequence[int]


def placements(cores: Sequence[int]) -> dict[str, Placement]:
    """Return what can be measured on so many cores."""
    if len(cores) >= 3:
        return {
            "one worker": Placement(1, cores[:1], cores[2:3]),
            "two workers": Placement(2, cores[:2], cores[2:3]),
        }
    return {
        "one worker, a core to itself": Placement(1, cores[:1], cores[1:]),
        "one worker, generator on the same two cores": Placement(1, cores, cores),
        "two workers, generator on the same two cores": Placement(2, cores, cores),
    }


def two_workers(bench: Bench) -> Iterator[Section]:
    """Yield the table, where there is more than one core."""
    cores = bench.cores.every
    if len(cores) < 2:
        return
    print("Two workers beside one", flush=True)
    placed = placements(cores)
    runs: dict[str, list[Run]] = {name: [] for name in placed}
    for _ in range(bench.pace.rounds):
        for name, placement in placed.items():
            runs[name].append(_measure(bench, placement))
            print(f"  {name:45} {runs[name][-1].rate:>9.0f} requests/s", flush=True)
    rows = [
        (
            name,
            f"{spread([run.rate for run in rounds]).median:,.0f}",
            f"{1e6 * spread([run.processor_seconds for run in rounds]).median:.0f}",
        )
        for name, rounds in runs.items()
    ]
    columns = ("", "requests/s", "processor µs a request")
    raw = {name: [run._asdict() for run in rounds] for name, rounds in runs.items()}
    yield Section("workers", "Two workers beside one", _method(runs, len(cores)), columns, rows, raw)


def _measure(bench: Bench, placement: Placement) -> Run:
    question = reliable_predictions(ask_rows(1))
    arguments = ("--workers", str(placement.workers), "--threads", "1", "--drain-seconds", "0")
    with serve_alone(question, placement.server, *arguments) as server:

        def load(seconds: float) -> tuple[int, float]:
            measurement = run_wrk(
                server.url + question.path,
                question.headers,
                question.body,
                connections=CONNECTIONS,
                seconds=seconds,
                cores=placement.generator,
            )
            if measurement.refused or measurement.broken:
                raise FaultyError(f"{measurement.refused} errors and {measurement.broken} broken connections")
            return measurement.requests, measurement.rate

        load(WARM_UP_SECONDS)
        before = server.processor_seconds()
        requests, rate = load(bench.pace.seconds)
        used = server.processor_seconds() - before
        if fault := find_fault_of(server.port, question):
            raise FaultyError(f"wrong after it was timed: {fault}")
    return Run(rate, used / requests)


def _method(runs: Mapping[str, Sequence[Run]], cores: int) -> str:
    common = f"One row, /v1, {CONNECTIONS} connections, one onnxruntime thread a worker. "
    one, *_, two = runs.values()
    if cores >= 3:
        gain = ratio([run.rate for run in two], [run.rate for run in one])
        return f"{common}The generator has a core of its own: two workers answer {gain.median:.2f} × what one does."
    inferred = ratio([2 * run.processor_seconds for run in one], [run.processor_seconds for run in two])
    return (
        f"{common}On two cores the generator competes with the second worker, so the last line's requests/s are not "
        "what two workers can do. What a request costs them in processor time can be measured all the same: two busy "
        f"cores would answer {inferred.median:.2f} × what one worker does on one ({inferred.lowest:.2f} to "
        f"{inferred.highest:.2f}). That is inferred; it assumes that both workers are kept as busy as the one is."
    )
