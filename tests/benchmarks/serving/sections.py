"""A part of the results: a table to read, and everything that was measured."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.benchmarks.serving.rounds import Measured, ratio, spread
from tests.benchmarks.serving.wrk import Measurement


class Section(NamedTuple):
    """One table of the results."""

    key: str
    title: str
    method: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    raw: Any
    """for the JSON file"""


def comparison(key: str, title: str, method: str, measured: Measured, baseline: str, **about: Any) -> Section:
    """Return the table of what rounds gave, beside one of the targets."""
    base = measured.rounds.get(baseline)
    columns = (
        "",
        "requests/s",
        "lowest to highest",
        f"of {baseline}",
        "p50, ms",
        "p99, ms",
        f"p99, × {baseline}",
        "generator busy",
    )
    rows = [_row(name, rounds, base) for name, rounds in measured.rounds.items()]
    rows += [(name, f"no figure: {fault}", *[""] * (len(columns) - 2)) for name, fault in measured.faults.items()]
    raw = {
        **about,
        "rounds": {name: [as_dict(one) for one in rounds] for name, rounds in measured.rounds.items()},
        "faults": dict(measured.faults),
    }
    return Section(key, title, method, columns, rows, raw)


def as_dict(measurement: Measurement) -> Mapping[str, float]:
    """Return a measurement for the JSON file."""
    return measurement._asdict() | {"requests_per_second": measurement.rate}


def _row(name: str, rounds: Sequence[Measurement], base: Sequence[Measurement] | None) -> tuple[str, ...]:
    rates, tails = [one.rate for one in rounds], [one.p99_ms for one in rounds]
    rate = spread(rates)
    of_rate = of_tail = ""
    if base:
        of_rate = f"{ratio(rates, [one.rate for one in base]).median:.2f}"
        of_tail = f"{ratio(tails, [one.p99_ms for one in base]).median:.2f}"
    half = spread([one.p50_ms for one in rounds]).median
    shown = (f"{rate.median:,.0f}", f"{rate.lowest:,.0f} to {rate.highest:,.0f}", of_rate)
    busy = spread([one.generator_busy for one in rounds]).median
    return (name, *shown, f"{half:.2f}", f"{spread(tails).median:.2f}", of_tail, f"{busy:.0%}" if busy else "")
