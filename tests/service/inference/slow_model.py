"""A real model made slow, and an engine to run it."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import numpy as np
from numpy.typing import NDArray

from service.errors import NonFiniteOutputError
from service.inference.engine import Engine, Limits
from service.inference.jobs import Dispatch
from service.inference.model import Model, Scores

Rows = NDArray[np.float32]
POISON = np.float32(12345.0)


class SlowModel(Model):
    """Takes `seconds` a run more than it would, refuses the poison, and remembers the sizes of its runs."""

    seconds = 0.02

    def score(self, rows: Rows) -> Scores:
        self.__dict__.setdefault("sizes", []).append(len(rows))
        time.sleep(self.seconds)
        if (rows == POISON).any():
            raise NonFiniteOutputError("poisoned")
        return super().score(rows)

    @property
    def runs(self) -> list[int]:
        """Rows of each run, those of the warm-up left out."""
        found: list[int] = self.__dict__["sizes"][10:]
        return found


def make_rows(count: int, seed: int = 0) -> Rows:
    standard = np.random.default_rng(seed).normal(size=(count, 4))
    return (standard * [10, 2, 500, 1] + [20, 5, 1000, 0]).astype(np.float32)


def run(limits: Limits, scenario: Callable[[Engine, list[Dispatch]], Awaitable[None]]) -> None:
    async def play() -> None:
        dispatches: list[Dispatch] = []
        engine = Engine(limits, dispatches.append, lambda _run: None)
        try:
            await scenario(engine, dispatches)
        finally:
            engine.close()

    asyncio.run(play())


def assert_same(found: Scores, expected: Scores) -> None:
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=2e-5, atol=1e-6, err_msg=name)
