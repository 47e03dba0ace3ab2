"""Who is measured, in which version, and how each is asked."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.serving import protocols
from tests.benchmarks.serving.protocols import Ask

SERVERS = Path(__file__).with_name("servers")
RUNTIME = "onnxruntime==1.32.0"
"""In every peer's environment, as in ours: the same arithmetic for all."""

RAY = ("ray[serve,haproxy]==2.60.0", RUNTIME)
"""The extra brings HAProxy along; Serve uses it where it is told to."""

FLOOR, CEILING, SERVICE = "floor", "ceiling", "ChainzRule"
V1, V2 = "ChainzRule /v1", "ChainzRule /v2"
WITHOUT = "ChainzRule without reliability"
"""The same service on its models' plain graphs."""


class Contender(NamedTuple):
    """One server and the ways in which it is asked."""

    name: str
    file: str
    """in `servers/`, without its suffix; started with the plain graph or the repository, and a port"""
    faces: Mapping[str, Ask]
    requirements: tuple[str, ...] = ()
    """its own environment's; none for ours"""
    programs: tuple[str, ...] = ()
    """that must be on the PATH"""
    arguments: tuple[str, ...] = ()
    serves_repository: bool = False
    """whether it serves version folders, as the service does, instead of the plain graph"""

    def command(self, python: str, served: Path, port: int) -> list[str]:
        """Return what starts it with an interpreter; ours as modules of the checkout, peers by the file's path."""
        file = [str(SERVERS / f"{self.file}.py")] if self.requirements else ["-m", f"{__package__}.servers.{self.file}"]
        return [python, *file, str(served), str(port), *self.arguments]

    def missing_program(self) -> str | None:
        """Return a program that it needs and that is not on the PATH."""
        return next((program for program in self.programs if shutil.which(program) is None), None)


OWN = (
    Contender(FLOOR, "floor", {FLOOR: protocols.constant("/")}),
    Contender(CEILING, "ceiling", {CEILING: protocols.columns("/")}),
    Contender("naive FastAPI", "naive_fastapi", {"naive FastAPI": protocols.columns("/predict")}),
    Contender(
        SERVICE,
        "everything_on",
        {V1: protocols.reliable_predictions, V2: protocols.tensors("/v2/models/pima/infer")},
        serves_repository=True,
    ),
    Contender(
        WITHOUT,
        "without_reliability",
        {WITHOUT: protocols.named_predictions},
        serves_repository=True,
    ),
)

PEERS = (
    Contender(
        "Triton",
        "pytriton_model",
        {"Triton (pytriton)": protocols.tensors("/v2/models/pima/infer")},
        ("nvidia-pytriton==0.7.0", RUNTIME),
    ),
    Contender(
        "KServe",
        "kserve_model",
        {
            "KServe V1": protocols.predictions("/v1/models/pima:predict"),
            "KServe V2": protocols.tensors("/v2/models/pima/infer"),
        },
        ("kserve==0.21.0", RUNTIME),
    ),
    Contender(
        "MLServer",
        "mlserver_model",
        {"MLServer": protocols.tensors("/v2/models/pima/infer")},
        ("mlserver==1.7.1", RUNTIME),
    ),
    Contender("Ray Serve", "ray_model", {"Ray Serve": protocols.columns("/")}, RAY),
    Contender(
        "Ray Serve, HAProxy",
        "ray_model",
        {"Ray Serve, HAProxy": protocols.columns("/")},
        RAY,
        arguments=("haproxy",),
    ),
    Contender(
        "TorchServe",
        "torchserve_model",
        {"TorchServe": protocols.columns("/predictions/pima")},
        ("torchserve==0.12.0", "torch-model-archiver==0.12.0", "torch==2.13.*", "pyyaml==6.0.4", RUNTIME),
        programs=("java",),
    ),
    Contender("LitServe", "litserve_model", {"LitServe": protocols.columns("/predict")}, ("litserve==0.2.19", RUNTIME)),
    Contender("BentoML", "bentoml_model", {"BentoML": protocols.columns("/predict")}, ("bentoml==1.4.40", RUNTIME)),
)


def choose_peers(names: list[str]) -> tuple[Contender, ...]:
    """Return the peers of those names, without regard to case.

    Raises:
        ValueError: if one is not known.
    """
    known = {peer.name.lower(): peer for peer in PEERS}
    if unknown := [name for name in names if name.lower() not in known]:
        raise ValueError(f"no peer is called {unknown[0]!r}: there are {', '.join(peer.name for peer in PEERS)}")
    return tuple(known[name.lower()] for name in names)
