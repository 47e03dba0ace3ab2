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

from service.inference import engine as engine_module
from service.inference.engine import Engine, Limits, Scored
from service.inference.model import Model

ROUNDS, REQUESTS = 7, 320


async def seconds_a_request(model: Model, rows: int, together: int) -> float:
    """Return the mean time of a request, `together` of them submitted at once."""
    engine = Engine(Limits(), lambda _: None)
    table = np.random.default_rng(0).normal(50, 30, size=(rows, len(model.manifest.input.features))).astype(np.float32)

    async def one() -> None:
        outcome = engine.submit(model, table)
        if not isinstance(outcome, Scored):
            await outcome

    started = perf_counter()
    for _ in range(REQUESTS // together):
        await asyncio.gather(*(one() for _ in range(together)))
    elapsed = perf_counter() - started
    engine.close()
    return elapsed / REQUESTS


def main() -> None:
    model = Model.load(Path("deploy/models/pima/1"), threads=1)
    chosen = engine_module.INLINE_SECONDS
    print(f"{'rows':>5}{'at once':>9}{'expected µs':>13}{'on the loop µs':>16}{'in the thread µs':>18}  chosen")
    for rows in (1, 16, 64, 256, 1024):
        for together in (1, 32):
            times: dict[float, list[float]] = {float("inf"): [], 0.0: []}
            for _ in range(ROUNDS):
                for bound, found in times.items():
                    engine_module.INLINE_SECONDS = bound
                    found.append(asyncio.run(seconds_a_request(model, rows, together)))
            loop, thread = (1e6 * median(found) for found in times.values())
            expected = model.expected_seconds(rows)
            choice = "loop" if expected <= chosen else "thread"
            print(f"{rows:>5}{together:>9}{1e6 * expected:>13.0f}{loop:>16.0f}{thread:>18.0f}  {choice}")


if __name__ == "__main__":
    main()
