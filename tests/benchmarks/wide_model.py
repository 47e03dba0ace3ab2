"""A repository with a model whose runs cost something."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from model_export.tasks.table_task import TableTask
from model_export.training import ChainzRuleClassifier

FEATURES = [f"x{index}" for index in range(16)]


def _load() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(1500, len(FEATURES)))
    return pd.DataFrame(rows, columns=FEATURES).assign(y=(rows[:, 0] + rows[:, 1] ** 2 > 1).astype(int))


WIDE = TableTask(
    name="wide",
    description="Two classes of made-up rows, by a network of 1.1 million weights",
    data="generated",
    load=_load,
    target="y",
    class_names={0: "no", 1: "yes"},
    units=dict.fromkeys(FEATURES),
    estimator=ChainzRuleClassifier((1024, 1024), max_epochs=2, batch_size=256),
)


def body(rows: int) -> bytes:
    """Return a predict body of that many equal rows."""
    row = "[" + ",".join(["0.5"] * len(FEATURES)) + "]"
    return ('{"instances":[' + ",".join([row] * rows) + "]}").encode()


if __name__ == "__main__":
    WIDE.export(Path(sys.argv[1]))
