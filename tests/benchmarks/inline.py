"""When a run is better done at once on the event loop than handed to the engine's thread.

The bundled Pima model, requests one after another and 32 at a time, by rows a request; every request through
`Engine.submit`, once with all runs on the loop and once with all in the thread. Medians of alternating rounds.

    python -m tests.benchmarks.inline
"""

import asyncio
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from service.inference.engine import Engine, Limits
from service.inference.model import Model
from service.inference.turn import SHORT_SECONDS

ROUNDS, REQUESTS = 7, 320


class Forced(Engine):
    """Runs everything on the loop, or nothing."""

    def __init__(self, *, short: bool) -> None:
        super().__init__(Limits(queue_rows=10**6, deadline=60), lambda _: None, lambda _: None)
        self._short = short

    def is_short(self, _model: Model, _units: int) -> bool:
        return self._short


async def seconds_a_request(model: Model, rows: int, together: int, *, short: bool) -> float:
    """Return the mean time of a request, `together` of them submitted at once."""
    engine = Forced(short=short)
    table = np.random.default_rng(0).normal(50, 30, size=(rows, len(model.manifest.table.features))).astype(np.float32)

    started = perf_counter()
    for _ in range(REQUESTS // together):
        await asyncio.gather(*(engine.submit(model, table) for _ in range(together)))
    elapsed = perf_counter() - started
    engine.close()
    return elapsed / REQUESTS


def main() -> None:
    model = Model.load(Path("deploy/models/pima/1"), threads=1)
    print(f"{'rows':>5}{'at once':>9}{'expected µs':>13}{'on the loop µs':>16}{'in the thread µs':>18}  chosen")
    for rows in (1, 16, 64, 256, 1024):
        for together in (1, 32):
            times: dict[bool, list[float]] = {True: [], False: []}
            for _ in range(ROUNDS):
                for short, found in times.items():
                    found.append(asyncio.run(seconds_a_request(model, rows, together, short=short)))
            loop, thread = (1e6 * median(found) for found in times.values())
            expected = model.expected_seconds(rows)
            choice = "loop" if expected <= SHORT_SECONDS else "thread"
            print(f"{rows:>5}{together:>9}{1e6 * expected:>13.0f}{loop:>16.0f}{thread:>18.0f}  {choice}")


if __name__ == "__main__":
    main()
