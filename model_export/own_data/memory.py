"""Refusing what would not fit into memory, before it is read or made."""

from pathlib import Path

from model_export.errors import DataError

CSV_FACTOR = 30.0
"""Bytes of memory for each byte of a CSV file: reading one of values of two characters, 100,000 rows of 20, took 27."""

PARQUET_FACTOR = 6.0
"""The same for each byte of a Parquet file's columns as they are when unpacked: 200,000 mixed rows of 20 took 5.5."""

COLUMNS_FACTOR = 6.0
"""The same for each byte of the network's columns in training: these two tables took 3.5 and 5.1."""

PICTURES_FACTOR = 5.0
"""The same for each byte of decoded pictures: one by one, as a whole, and as the parts of two splits."""

_MEMORY_FACTS = Path("/proc/meminfo")
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_USES = (Path("/sys/fs/cgroup/memory.current"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"))


def check_fits(what: object, size: float, factor: float, cure: str = "a sample of its rows or fewer columns") -> None:
    """Refuse what would take more memory than there is.

    Args:
        what: holds it, for the message.
        size: bytes of its content.
        factor: bytes of memory for each.
        cure: what could be given instead.

    Raises:
        DataError: naming both sizes.
    """
    available = available_bytes()
    if available is not None and size * factor > available:
        raise DataError(
            f"{what} holds {in_words(size)}, which takes about {in_words(size * factor)} of memory to learn from, and "
            f"{in_words(available)} are free: give {cure}, or take a larger machine"
        )


def available_bytes() -> float | None:
    """Return how much memory this process can still have, as far as the machine and its container say."""
    free: list[float] = []
    if _MEMORY_FACTS.exists():
        facts = dict(line.split(":", 1) for line in _MEMORY_FACTS.read_text().splitlines())
        free.append(1024.0 * int(facts["MemAvailable"].split()[0]))
    for limit, use in zip(_LIMITS, _USES, strict=True):
        if limit.exists() and use.exists() and (most := limit.read_text().strip()).isdecimal():
            free.append(float(most) - float(use.read_text()))
    return min(free, default=None)


def in_words(size: float) -> str:
    """Return a size in bytes as one reads it."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
