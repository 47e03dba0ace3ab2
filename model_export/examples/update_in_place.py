"""A model, and a version of it that has seen newer rows, to be compared and put into service one after the other.

    python -m model_export.examples.update_in_place shop

Rows are made up, so that nothing has to be fetched: orders of a shop that are sent back or not. In 2026 the shop also
sells to Spain, and new customers send back less than they used to.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from model_export.graph.publication import ModelCard
from model_export.own_data.training import TrainedTable, train_table
from model_export.training import ChainzRuleClassifier

TARGET = "returned"
_COUNTRIES = {2025: ("DE", "FR", "IT"), 2026: ("DE", "FR", "IT", "ES")}


def make_orders(rows: int, year: int, seed: int) -> pd.DataFrame:
    """Return the orders of a year, with whether each was sent back."""
    generator = np.random.default_rng(seed)
    price = np.round(np.exp(generator.normal(4, 0.6, rows)), 2)
    items = generator.integers(1, 9, rows)
    country = generator.choice(_COUNTRIES[year], rows)
    first = generator.random(rows) < 0.4
    score = 1.2 * (np.log(price) - 4) + 0.5 * (items - 4.5) * (country == "DE") - 0.8 * (country == "ES") - 0.3
    score += np.where(first, 0.9 if year == 2025 else -0.6, -0.6) + generator.logistic(size=rows) / 3
    returned = np.where(score > 0, "yes", "no")
    return pd.DataFrame({"price": price, "items": items, "country": country, "first": first, TARGET: returned})


def card(years: str, rows: int) -> ModelCard:
    """Return what the model is called."""
    return ModelCard("returns", "Whether a made-up order is sent back", f"orders of {years}, {rows:,} rows")


def train(orders: pd.DataFrame, epochs: int) -> TrainedTable:
    """Return a network fitted to orders."""
    return train_table(orders, TARGET, estimator=ChainzRuleClassifier((16, 12), max_epochs=epochs, patience=10))


def main(folder: Path, rows: int = 1000, epochs: int = 30) -> None:
    """Write both versions, and the newer orders that neither was trained on.

    Args:
        folder: where `models/returns/1`, `models/returns/2` and `orders.csv` go.
        rows: of each year to train on, and of the last to compare on.
        epochs: of training, at most.
    """
    models = folder / "models"
    before, since, held_out = (make_orders(rows, *of) for of in ((2025, 1), (2026, 2), (2026, 3)))
    train(before, epochs).export(models, card("2025", rows))
    train(pd.concat([before, since]), epochs).export(models, card("2025 and 2026", 2 * rows))
    held_out.to_csv(folder / "orders.csv", index=False)
    print(f"chainzrule compare {models}/returns/1 {models}/returns/2 --data {folder}/orders.csv")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
