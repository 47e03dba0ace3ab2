"""How long it takes from a file of 10,000 rows and 20 columns to an endpoint that answers.

The generated table has numbers, wide amounts, categories of 4 to 80 values, a truth value, dates and missing values.
Each stage is timed once, on as many cores as the machine gives; the server is a process of its own.

    python -m tests.benchmarks.own_table [ROWS]
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, sleep
from urllib.error import URLError
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd

PORT = 8931
_PATIENCE = 60


def make_table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Return so many rows of 19 features and a target of two classes."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({f"number {column}": generator.normal(size=rows) for column in range(12)})
    frame["amount"] = np.exp(generator.normal(5, 1.2, rows)).round(2)
    frame["age"] = generator.integers(18, 90, rows)
    frame["city"] = generator.choice(["Rome", "Oslo", "Bonn", "Lima", "Cairo"], rows, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    frame["trade"] = generator.choice([f"trade {number}" for number in range(80)], rows)
    frame["grade"] = generator.choice(list("ABCD"), rows)
    frame["member"] = generator.random(rows) < 0.5
    days = pd.to_timedelta(generator.integers(0, 900, rows), "D")
    frame["since"] = (pd.Timestamp("2022-01-01") + days).strftime("%Y-%m-%d")
    score = (
        frame["number 0"]
        + 0.7 * frame["number 1"] * frame["number 2"]
        + 0.8 * (frame["city"] == "Oslo")
        - 0.9 * (frame["grade"] == "D")
        + 0.6 * np.log(frame["amount"] / 150)
        + 0.5 * frame["member"]
        + generator.logistic(size=rows) / 2
    )
    for name in ("number 1", "number 3", "city", "amount"):
        frame[name] = frame[name].mask(generator.random(rows) < 0.05)
    return frame.assign(bought=np.where(score > 0.5, "yes", "no"))


def wait_for_answer(body: bytes) -> None:
    """Return once the endpoint has answered a row."""
    request = Request(f"http://127.0.0.1:{PORT}/v1/models/bought:predict", data=body, method="POST")
    deadline = perf_counter() + _PATIENCE
    while True:
        try:
            with urlopen(request, timeout=5) as answer:
                json.load(answer)["predictions"][0]["reliability"]["score"]
            return
        except (URLError, ConnectionError):
            if perf_counter() > deadline:
                raise
            sleep(0.05)


def main(rows: int) -> None:
    """Time it and print a line for each stage."""
    with tempfile.TemporaryDirectory() as folder:
        file, repository = Path(folder, "table.csv"), Path(folder, "models")
        frame = make_table(rows)
        frame.to_csv(file, index=False)
        row = frame.drop(columns="bought").iloc[0]
        body = json.dumps({"instances": [json.loads(row.to_json())]}).encode()
        program = [sys.executable, "-m", "model_export"]
        began = perf_counter()
        asked = ["--data", str(file), "--target", "bought", "--name", "bought", "--repository", str(repository)]
        subprocess.run([*program, "train", *asked], check=True, stdout=subprocess.DEVNULL)
        trained = perf_counter()
        environment = os.environ | {"CHAINZRULE_LOG_LEVEL": "warning"}
        serve = [*program, "serve", "--repository", str(repository), "--port", str(PORT)]
        server = subprocess.Popen(serve, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for_answer(body)
            served = perf_counter()
        finally:
            server.terminate()
            server.wait()
        size = file.stat().st_size / 1e6
        print(f"{rows:,} rows × {frame.shape[1]} columns, {size:.1f} MB of CSV, {os.cpu_count()} cores")
        print(f"file to version folder   {trained - began:6.1f} s")
        print(f"start to first answer    {served - trained:6.1f} s")
        print(f"file to served endpoint  {served - began:6.1f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
