"""The service beside the floor, the ceiling and its peers: `make bench`, or

    python -m tests.benchmarks.serving [--quick] [--output DIR] [--peers NAME ... | --without-peers] [--loads NAME ...]
        [--text FOLDER]

Needs `wrk` and, for the peers' environments in `.bench`, the package index. See `report.py` for the method in words.
"""

import os
import signal
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks.serving.bench import FULL, QUICK, Bench, running
from tests.benchmarks.serving.contenders import PEERS, choose_peers
from tests.benchmarks.serving.figure import draw
from tests.benchmarks.serving.loads import (
    clients,
    growing_rows,
    large_batches,
    loaded_models,
    other_kinds,
    reliability,
    start,
    workers,
)
from tests.benchmarks.serving.machine import divide_cores
from tests.benchmarks.serving.processes import ServerError
from tests.benchmarks.serving.report import collect, write
from tests.benchmarks.serving.rounds import FaultyError
from tests.benchmarks.serving.sections import Section
from tests.benchmarks.serving.wrk import GeneratorError, require_wrk

RESULTS = Path("tests/benchmarks/results")
LOADS: dict[str, Callable[[Bench], Iterator[Section]]] = {
    "one-row": clients.one_row,
    "many-rows": clients.many_rows,
    "reliability": reliability.on_and_off,
    "large-batches": large_batches.large_batches,
    "images": other_kinds.images,
    "texts": other_kinds.texts,
    "growing-rows": growing_rows.growing_rows,
    "loaded-models": loaded_models.loaded_models,
    "workers": workers.two_workers,
    "start": start.start,
}


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where serving.json and serving.md are written")
    parser.add_argument("--loads", nargs="+", choices=LOADS, default=list(LOADS), help="by default all")
    parser.add_argument("--text", type=Path, metavar="FOLDER", help="a model of texts: its version folder")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--peers", nargs="+", metavar="NAME", help="these alone: " + ", ".join(p.name for p in PEERS))
    chosen.add_argument("--without-peers", action="store_true", help="ours alone")
    given = parser.parse_args()
    try:
        require_wrk()
        peers = () if given.without_peers else choose_peers(given.peers) if given.peers else PEERS
    except (GeneratorError, ValueError) as error:
        sys.exit(f"serving benchmark: {error}")
    # Told to end, it ends its servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sections: list[Section] = []
    failed: dict[str, str] = {}
    cores = divide_cores()
    # What starts, checks and waits must not do so on the server's core.
    os.sched_setaffinity(0, cores.generator)
    with running(QUICK if given.quick else FULL, cores, peers, given.text) as bench:
        for name in given.loads:
            try:
                for section in LOADS[name](bench):
                    sections.append(section)
                    # After each: what was measured is kept, whatever becomes of the rest.
                    results = collect(bench, sections, failed)
                    write(given.output, results, sections)
            except (FaultyError, GeneratorError, ServerError) as error:
                print(f"{name}: not measured: {error}", flush=True)
                failed[f"load {name}"] = str(error)
        results = collect(bench, sections, failed)
        write(given.output, results, sections)
    if reason := draw(results, given.output / "serving.svg"):
        print(reason)
    print(f"written to {given.output}")


if __name__ == "__main__":
    main()
