"""What the signals cost, beside what they were to cost."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from model_export.studies.tables import markdown_table

COST = "cost.csv"
"""Written beside the report by `python -m tests.benchmarks.graph_cost --output`."""

AIMS = {
    ("8-64-64-2", 1): 1.3,
    ("8-64-64-2", 64): 1.3,
    ("384-512-512-5", 1): 1.6,
    ("384-512-512-5", 64): 2.2,
    ("MiniLM + 384-512-512-5", 1): 1.03,
}
"""The most that the graph with every signal was to cost, as a multiple of the naively written plain graph."""

_REASON = (
    "What was not reached has a reason that can be counted: at one row a small network's time is its number of "
    "operations, and at one row a wide one's is reading its weights, which the walk back reads once more and the "
    "signature's whitening half as often again."
)

_LAST = ("+ reliability", "every signal")


def cost_section(folder: Path) -> Iterator[str]:
    """Yield the section on costs, if `folder` holds their measurement."""
    file = folder / COST
    if not file.exists():
        return
    costs = pd.read_csv(file)
    table = costs.pivot_table(index=["network", "rows"], columns="outputs", values="ratio", sort=False)
    total = table[[name for name in _LAST if name in table]].bfill(axis=1).iloc[:, 0]
    aims = pd.Series(AIMS).reindex(total.index)
    verdict = [
        f"{'reached' if cost <= aim else 'not reached'}: {cost:.2f} of {aim}"
        for cost, aim in zip(total, aims, strict=True)
    ]
    yield from (
        "",
        "## What they cost",
        "",
        "Time of the exported graph as a multiple of the plain graph with its cubics written naively, one onnxruntime "
        "thread, medians of alternating rounds; outputs add up from left to right.",
        "",
        markdown_table(table.round(2).assign(aim=verdict)),
    )
    if any(text.startswith("not") for text in verdict):
        yield from ("", _REASON)
