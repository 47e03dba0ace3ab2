"""What every load is handed: the servers that are up, and how long and where to measure."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.benchmarks.serving.contenders import OWN, SERVICE, Contender
from tests.benchmarks.serving.environments import UnavailableError, prepare, versions
from tests.benchmarks.serving.machine import Cores
from tests.benchmarks.serving.model import REPOSITORY, VERSION, ask_rows, write_plain_graph
from tests.benchmarks.serving.processes import Memory, Server, ServerError, serving
from tests.benchmarks.serving.protocols import Ask, Asked
from tests.benchmarks.serving.questions import Question, find_fault_of


class Pace(NamedTuple):
    """How long to measure."""

    rounds: int
    seconds: float
    """a target and round"""


FULL, QUICK = Pace(5, 4), Pace(3, 2)


class Bench(NamedTuple):
    """What every load is handed."""

    pace: Pace
    cores: Cores
    text: Path | None
    """a version folder of a model of texts"""
    servers: Mapping[str, Server]
    """by the contender's name; frozen, but for who is measured"""
    faces: Mapping[str, tuple[Server, Ask]]
    """every way to ask them, by its name in the tables"""
    absent: Mapping[str, str]
    """contenders that are not measured, with the reason"""
    peer_versions: Mapping[str, Mapping[str, str]]
    idle_memory: Mapping[str, Memory]
    """of each server after its first answer"""

    @property
    def service(self) -> Server:
        """Ours, with the bundled models and every default."""
        return self.servers[SERVICE]


@contextmanager
def running(pace: Pace, cores: Cores, peers: Sequence[Contender], text: Path | None) -> Iterator[Bench]:
    """Start ours and those peers that can be had, each frozen after its first right answer."""
    asked = ask_rows(1)
    servers: dict[str, Server] = {}
    faces: dict[str, tuple[Server, Ask]] = {}
    absent: dict[str, str] = {}
    peer_versions, idle_memory = {}, {}
    with ExitStack() as stack:
        graph = Path(stack.enter_context(TemporaryDirectory())) / "plain.onnx"
        write_plain_graph(VERSION, graph)
        for contender in (*OWN, *peers):
            try:
                python = prepare(contender) if contender.requirements else sys.executable
                server = stack.enter_context(_start(contender, python, graph, cores, asked))
            except (UnavailableError, ServerError) as error:
                absent[contender.name] = str(error)
                print(f"{contender.name}: not measured: {error}", flush=True)
                continue
            if contender.requirements:
                peer_versions[contender.name] = versions(python, contender.requirements)
            idle_memory[contender.name] = server.memory()
            server.freeze()
            servers[contender.name] = server
            faces |= {name: (server, ask) for name, ask in contender.faces.items()}
            print(f"{contender.name}: first right answer after {server.seconds_to_answer:.2f} s", flush=True)
        yield Bench(pace, cores, text, servers, faces, absent, peer_versions, idle_memory)


def serve_alone(
    question: Question,
    cores: Sequence[int],
    *arguments: str,
    repository: Path = REPOSITORY,
    environment: Mapping[str, str] | None = None,
) -> AbstractContextManager[Server]:
    """Run the service besides the one that is up, with settings or models of its own, until `question` is answered."""
    contender = next(contender for contender in OWN if contender.name == SERVICE)
    return serving(
        lambda port: [*contender.command(sys.executable, repository.absolute(), port), *arguments],
        lambda server: find_fault_of(server.port, question),
        cores,
        environment,
    )


def _start(
    contender: Contender, python: str, graph: Path, cores: Cores, asked: Asked
) -> AbstractContextManager[Server]:
    served = (REPOSITORY if contender.serves_repository else graph).absolute()
    questions = [ask(asked) for ask in contender.faces.values()]
    return serving(
        lambda port: contender.command(python, served, port),
        lambda server: next(filter(None, (find_fault_of(server.port, question) for question in questions)), None),
        cores.server,
    )
