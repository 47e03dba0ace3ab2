"""How many threads there are to use."""

import os
from math import ceil
from pathlib import Path

_V2 = Path("/sys/fs/cgroup/cpu.max")
_V1_QUOTA, _V1_PERIOD = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


def available_cores() -> int:
    """Return the cores this process may use: by its affinity, and by its container's quota, rounded up; at least 1.

    onnxruntime left to itself counts the host's cores, and then fights its own threads under a quota.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota()
    return max(min(affinity, ceil(quota)) if quota else affinity, 1)


def _quota() -> float | None:
    """Return the control group's limit in cores, None where there is none."""
    try:
        if _V2.exists():
            limit, period = _V2.read_text().split()
        else:
            limit, period = _V1_QUOTA.read_text().strip(), _V1_PERIOD.read_text().strip()
        return None if limit in {"max", "-1"} else int(limit) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None
