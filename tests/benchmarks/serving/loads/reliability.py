"""What the reliability costs through the service: everything on, beside the same service without it."""

from collections.abc import Iterator

from tests.benchmarks.serving.bench import Bench
from tests.benchmarks.serving.contenders import V1, WITHOUT
from tests.benchmarks.serving.model import ask_rows
from tests.benchmarks.serving.rounds import interleave
from tests.benchmarks.serving.sections import Section, comparison
from tests.benchmarks.serving.targets import over_http

ROWS, CONNECTIONS = (1, 64), 16


def on_and_off(bench: Bench) -> Iterator[Section]:
    """Yield a table for one row and one for 64, where the service without reliability is among the contenders."""
    if WITHOUT not in bench.faces:
        return
    for count in ROWS:
        title = f"Reliability on and off: {count} row{'s' * (count > 1)}, {CONNECTIONS} connections"
        print(title, flush=True)
        pace = {"seconds": bench.pace.seconds}
        targets = [
            over_http(name, server, ask(ask_rows(count)), connections=CONNECTIONS, cores=bench.cores, **pace)
            for name, (server, ask) in ((name, bench.faces[name]) for name in (WITHOUT, V1))
        ]
        method = f"Requests/s of {WITHOUT} over those of {V1} is what the reliability costs in time a request."
        about = {"rows_a_request": count, "connections": CONNECTIONS}
        measured = interleave(targets, bench.pace.rounds)
        yield comparison(f"reliability_{count}", title, method, measured, V1, **about)
