"""A made-up table of loans with columns of every kind, and a model of it."""

from functools import cache

import numpy as np
import pandas as pd
from sklearn.base import clone

from model_export.graph.publication import ModelCard
from model_export.own_data.options import TableOptions
from model_export.own_data.training import TrainedTable, train_table
from model_export.training import ChainzRuleClassifier

CITIES = ("Rome", "Oslo", "Bonn")
QUICK = ChainzRuleClassifier((16, 12), max_epochs=25, patience=8, batch_size=64)

CARD = ModelCard("loans", "Whether a made-up loan was paid back", "generated")
TICKET = {"message": "the plot was very good", "amount": 900.0, "city": "Oslo", "since": "2024-02-29"}
ROW = {"amount": 900.0, "city": "Oslo", "member": True, "since": "2024-02-29", "grade": None, "number": 17}


def make_loans(rows: int, seed: int) -> pd.DataFrame:
    """Loans paid back or not by amount, city, membership, the season and the grade, with gaps in amount and grade."""
    generator = np.random.default_rng(seed)
    days = generator.integers(0, 1200, rows)
    frame = pd.DataFrame(
        {
            "number": np.arange(rows) + 1,
            "amount": generator.normal(1000, 300, rows).round(2),
            "city": generator.choice(CITIES, rows, p=[0.5, 0.3, 0.2]),
            "member": generator.random(rows) < 0.4,
            "since": (pd.Timestamp("2021-01-01") + pd.to_timedelta(days, "D")).strftime("%Y-%m-%d"),
            "grade": generator.choice(list("ABCD"), rows),
            "country": "XX",
        }
    )
    score = (
        (frame["amount"] - 1000) / 300
        + 1.5 * (frame["city"] == "Oslo")
        - 1.0 * frame["member"]
        + np.sin(2 * np.pi * days / 365.25)
        - 1.5 * (frame["grade"] == "D")
        + generator.logistic(size=rows) / 3
    )
    frame["paid"] = np.where(score > 0, "yes", "no")
    for name in ("amount", "grade"):
        frame[name] = frame[name].mask(generator.random(rows) < 0.1)
    return frame


def make_tickets(rows: int, seed: int) -> pd.DataFrame:
    """The same loans, not paid back where the borrower's message is bad; some say nothing."""
    words = ("not", "dull", "bright", "it", "is", "was", "the", "plot", "and")
    frame, generator = make_loans(rows, seed), np.random.default_rng(seed)
    good = generator.random(rows) < 0.5
    messages = [
        " ".join([*generator.choice(words, 4), "good" if is_good else "bad", *generator.choice(words, 2)])
        for is_good in good
    ]
    frame["paid"] = np.where(good, frame["paid"], "no")
    frame["stars"] = np.where(good, 3, 1) + (frame["paid"] == "yes")
    frame["message"] = pd.Series(messages).mask(generator.random(rows) < 0.1)
    return frame[["message", "amount", "city", "since", "number", "paid", "stars"]]


@cache
def trained_loans() -> TrainedTable:
    return train_table(make_loans(1200, seed=1), "paid", options=TableOptions(), estimator=clone(QUICK), seed=0)
