"""onnxruntime in a loop: GRAPH FEED.npz SECONDS; prints a line as `post.lua` does."""

import json
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

from tests.benchmarks.serving.model import open_session

WARM_UP_SECONDS = 1.0


def loop(graph: Path, feed_file: Path, seconds: float) -> dict[str, int]:
    """Return how many runs there were in how long, and percentiles of their times, in microseconds."""
    session = open_session(graph)
    with np.load(feed_file) as file:
        feed = dict(file)
    until = perf_counter() + WARM_UP_SECONDS
    while perf_counter() < until:
        session.run(None, feed)
    started = last = perf_counter()
    times = []
    while last < started + seconds:
        session.run(None, feed)
        now = perf_counter()
        times.append(now - last)
        last = now
    middle, high, top = np.percentile(np.array(times) * 1e6, (50, 90, 99)).round().astype(int).tolist()
    errors = dict.fromkeys(("refused", "connect", "read", "write", "timeout"), 0)
    spent = round((last - started) * 1e6)
    return {"requests": len(times), "microseconds": spent, "p50": middle, "p90": high, "p99": top, **errors}


if __name__ == "__main__":
    print(json.dumps(loop(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))))
