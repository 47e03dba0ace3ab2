"""Small requests: one row at growing numbers of connections, and 64 rows."""

from collections.abc import Iterator

from tests.benchmarks.serving.bench import Bench
from tests.benchmarks.serving.contenders import CEILING, V1, V2
from tests.benchmarks.serving.model import ask_rows
from tests.benchmarks.serving.rounds import Measured, interleave
from tests.benchmarks.serving.sections import Section, comparison
from tests.benchmarks.serving.targets import over_http

CONNECTIONS = (1, 16, 64, 256)
MANY_ROWS, MANY_ROWS_CONNECTIONS = 64, 16


def one_row(bench: Bench) -> Iterator[Section]:
    """Yield everyone's table for each number of connections."""
    for connections in CONNECTIONS:
        title = f"One row, JSON, {connections} connection{'s' * (connections > 1)}"
        method = f"All answer label and probabilities; {V1} the whole reliability object besides."
        measured = ask_everyone(bench, title, 1, connections)
        yield comparison(
            f"one_row_{connections}", title, method, measured, CEILING, rows_a_request=1, connections=connections
        )


def many_rows(bench: Bench) -> Iterator[Section]:
    """Yield everyone's table for requests of 64 rows."""
    title = f"{MANY_ROWS} rows, JSON, {MANY_ROWS_CONNECTIONS} connections"
    method = (
        f"{V1} answers a reliability object for each row, several times what the others send; "
        f"{V2} label and probabilities, as they do, the other outputs computed and counted all the same."
    )
    measured = ask_everyone(bench, title, MANY_ROWS, MANY_ROWS_CONNECTIONS)
    about = {"rows_a_request": MANY_ROWS, "connections": MANY_ROWS_CONNECTIONS}
    yield comparison("many_rows", title, method, measured, CEILING, **about)


def ask_everyone(bench: Bench, title: str, rows: int, connections: int) -> Measured:
    """Ask every face of every server for so many rows, round by round."""
    print(title, flush=True)
    asked = ask_rows(rows)
    targets = [
        over_http(name, server, ask(asked), connections=connections, seconds=bench.pace.seconds, cores=bench.cores)
        for name, (server, ask) in bench.faces.items()
    ]
    return interleave(targets, bench.pace.rounds)
