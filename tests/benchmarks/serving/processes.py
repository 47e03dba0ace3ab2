"""A server with all its processes: started, frozen while others are measured, looked at, stopped."""

import os
import random
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.serving.machine import pinned

START_SECONDS = 90.0
STOP_SECONDS = 5.0
_MARK = "SERVING_BENCHMARK"
_TICKS = os.sysconf("SC_CLK_TCK")


class ServerError(Exception):
    """A server that does not start, or does not answer as it should."""


class Memory(NamedTuple):
    """In megabytes (2^20 bytes), over all processes of a server."""

    resident: float
    """what `ps` adds up to; pages that several processes share count in each"""
    proportional: float
    """shared pages counted once"""


def free_port() -> int:
    """Return a port that nobody listens on, below those that the system gives to outgoing connections."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Server:
    """The processes of one server, which carry a mark in their environment: some detach from who started them."""

    def __init__(self, process: subprocess.Popen[bytes], mark: str, port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.seconds_to_answer = 0.0
        """from the start of its process to its first right answer"""
        self._mark = f"{_MARK}={mark}".encode()
        self._log = log

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def pids(self) -> list[int]:
        """Return its processes, those that wait to be reaped left out."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                with suppress(OSError):  # it may have ended meanwhile
                    if self._mark in (folder / "environ").read_bytes().split(b"\0"):
                        found.append(int(folder.name))
        return found

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process of it."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def freeze(self) -> None:
        """Let it use no processor until `thaw`."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run again."""
        self.signal(signal.SIGCONT)

    def memory(self) -> Memory:
        """Return what its processes hold."""
        resident = proportional = 0
        for pid in self.pids():
            with suppress(OSError):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    name, _, value = line.partition(":")
                    resident += int(value.split()[0]) if name == "Rss" else 0
                    proportional += int(value.split()[0]) if name == "Pss" else 0
        return Memory(resident / 1024, proportional / 1024)

    def processor_seconds(self) -> float:
        """Return the processor time of its processes so far, user and system."""
        ticks = 0
        for pid in self.pids():
            with suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS

    def last_words(self) -> str:
        """Return the end of what it printed, on one line."""
        lines = [line.strip() for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        return " / ".join(lines[-3:])[-400:]

    def stop(self) -> None:
        """End it, by force what does not end by itself."""
        self.thaw()
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        while self.pids():
            self.signal(signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.1)


@contextmanager
def serving(
    command: Callable[[int], Sequence[str]],
    find_fault: Callable[[Server], str | None],
    cores: Sequence[int],
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run a server until the end of the block.

    Args:
        command: makes the command that serves on the port given.
        find_fault: what keeps it from answering rightly, None once it does.
        cores: where it runs.
        environment: variables besides ours.

    Raises:
        ServerError: if it ends, or does not answer within `START_SECONDS`.
    """
    mark, port = uuid.uuid4().hex, free_port()
    with tempfile.TemporaryDirectory(prefix="serving-", ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "log"
        ours = {"OMP_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1", "TMPDIR": folder, "RAY_TMPDIR": folder}
        with log.open("wb") as stream:
            started = time.monotonic()
            process = subprocess.Popen(
                pinned(command(port), cores),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=os.environ | ours | {**(environment or {}), _MARK: mark},
            )
        server = Server(process, mark, port, log)
        try:
            while fault := find_fault(server):
                if process.poll() is not None:
                    raise ServerError(f"it ended with status {process.returncode}: {server.last_words()}")
                if time.monotonic() - started > START_SECONDS:
                    raise ServerError(f"no right answer within {START_SECONDS:.0f} s: {fault}; {server.last_words()}")
                time.sleep(0.002)
            server.seconds_to_answer = time.monotonic() - started
            yield server
        finally:
            server.stop()
