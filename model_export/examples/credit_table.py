"""A table of credits with categories, gaps and an ordinal target, from a file to an endpoint.

    python -m model_export.examples.credit_table models

The table is made up: the risk of each credit has three levels in order, and some incomes and years are missing.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from model_export.examples.endpoint import run, serve, told

LEVELS = ("low", "moderate", "high")
APPLICANT = {
    "income": 2900,
    "amount": 9000,
    "months": 36,
    "years employed": 6,
    "purpose": "car",
    "home": "owned",
    "opened": "2024-12-14",
}


def make_credits(rows: int, seed: int) -> pd.DataFrame:
    """Return made-up credits; whoever has no work has no years employed, and one income in eight is not known."""
    generator = np.random.default_rng(seed)
    income = np.exp(generator.normal(8.0, 0.5, rows))
    years = generator.gamma(1.5, 4.0, rows)
    amount = np.exp(generator.normal(9.2, 0.7, rows))
    purpose = generator.choice(["car", "furniture", "education", "business"], rows, p=[0.4, 0.3, 0.2, 0.1])
    home = generator.choice(["owned", "rented", "free"], rows, p=[0.5, 0.4, 0.1])
    jobless = generator.random(rows) < 0.1
    burden = (
        1.5 * np.log(amount / income / 3.3)
        + 0.7 * (home == "rented")
        + 1.0 * (purpose == "business")
        - 0.8 * np.tanh(years / 5)
        + 1.4 * jobless
        + generator.logistic(size=rows) / 3
    )
    opened = pd.Timestamp("2024-01-01") + pd.to_timedelta(generator.integers(0, 700, rows), "D")
    return pd.DataFrame(
        {
            "credit": np.arange(rows) + 1,
            "income": np.where(generator.random(rows) < 0.125, np.nan, income.round(-1)),
            "amount": amount.round(-2),
            "months": generator.choice([12, 24, 36, 48, 60], rows),
            "years employed": np.where(jobless, np.nan, years.round(1)),
            "purpose": purpose,
            "home": home,
            "opened": opened.strftime("%Y-%m-%d"),
            "risk": np.array(LEVELS)[np.digitize(burden, [-0.3, 1.3])],
        }
    )


def main(repository: Path, rows: int = 2000) -> None:
    """Write the table beside the repository, train on it, serve it and ask."""
    repository.mkdir(parents=True, exist_ok=True)
    file = repository / "credits.csv"
    make_credits(rows, seed=0).to_csv(file, index=False)
    data = ("--data", str(file), "--target", "risk", "--levels", ",".join(LEVELS))
    run("train", *data, "--name", "credits", "--repository", str(repository))
    with serve(repository) as endpoint:
        print("an applicant              ", told(endpoint.predict("credits", APPLICANT)))
        print("of unknown income         ", told(endpoint.predict("credits", APPLICANT | {"income": None})))
        print("income a year, not a month", told(endpoint.predict("credits", APPLICANT | {"income": 34800})))
        print("for a purpose never seen  ", told(endpoint.predict("credits", APPLICANT | {"purpose": "boat"})))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
