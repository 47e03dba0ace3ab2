"""The results as files: everything in JSON, tables in Markdown."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.serving.bench import Bench
from tests.benchmarks.serving.contenders import CEILING, FLOOR
from tests.benchmarks.serving.machine import describe_machine
from tests.benchmarks.serving.sections import Section

NAME = "serving"


def collect(bench: Bench, sections: Sequence[Section], failed: Mapping[str, str]) -> dict[str, Any]:
    """Return everything that was measured, where, with what, and when."""
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(bench.cores),
        "peers": bench.peer_versions,
        "not_measured": {**bench.absent, **failed},
        "rounds": bench.pace.rounds,
        "seconds_a_round": bench.pace.seconds,
        "sections": {section.key: section.raw for section in sections},
    }


def write(folder: Path, results: Mapping[str, Any], sections: Sequence[Section]) -> None:
    """Write `serving.json` and `serving.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{NAME}.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / f"{NAME}.md").write_text(_page(results, sections))


def _page(results: Mapping[str, Any], sections: Sequence[Section]) -> str:
    machine = results["machine"]
    about = ", ".join(f"{name} {value}" for name, value in machine.items() if name not in ("processor", "placement"))
    lines = [
        "# Serving, measured",
        "",
        f"Made by `make bench` on {results['made'][:10]}: {machine['processor']}, {about}.",
        "",
        f"Every server has one worker and one thread; {machine['placement']}. `wrk` asks over kept connections,",
        "each its next request when the last is answered; `generator busy` is the share of its core that it used, and",
        "near 100 % it is what was measured. All servers are up from the start, and those that are not measured are",
        "stopped (SIGSTOP). Rounds are interleaved (A B C, A B C):",
        f"{results['rounds']} of {results['seconds_a_round']:g} s each, after a second's warm-up. Figures are medians",
        "over rounds; ratios are taken in each round, then their median. Answers are compared with onnxruntime's",
        "before and after each measurement; a wrong one, an error or a broken connection voids it.",
        "",
        f"`{FLOOR}` reads the body and answers a constant; `{CEILING}` is raw ASGI, orjson and onnxruntime, without",
        "validation, limits, metrics or reliability. They and the peers serve the model's plain graph, the service all",
        "of it.",
    ]
    if results["peers"]:
        lines += ["", "Peers, each in an environment of its own:", ""]
        for name, packages in results["peers"].items():
            lines.append(f"- {name}: {', '.join(f'{package} {number}' for package, number in packages.items())}")
    if results["not_measured"]:
        lines += ["", "Not measured:", ""]
        lines += [f"- {name}: {reason}" for name, reason in results["not_measured"].items()]
    for section in sections:
        lines += ["", f"## {section.title}", "", section.method, "", *_table(section.columns, section.rows)]
    return "\n".join(lines) + "\n"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [_line(columns), _line(["---"] * len(columns)), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
