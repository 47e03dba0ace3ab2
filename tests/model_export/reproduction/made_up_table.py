"""A small table with gaps."""

import numpy as np

from model_export.reproduction.folds import Table


def made_up_table() -> Table:
    """Return 200 rows of three columns, of which the first tells the class."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(200, 3))
    labels = (rows[:, 0] > 0).astype(np.int64)
    rows[generator.random(rows.shape) < 0.05] = np.nan
    return Table(rows, labels)
