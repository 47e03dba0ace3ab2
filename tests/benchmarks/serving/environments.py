"""The peers' environments: one each, made when first needed, kept under a name that says what is in it."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.serving.contenders import Contender

CACHE = Path(".bench")
SHOWN = ("fastapi", "numpy", "onnxruntime", "starlette", "uvicorn", "uvloop")
"""Versions worth knowing beside the peer's own."""


class UnavailableError(Exception):
    """A peer that cannot be had here, with the reason."""


def prepare(contender: Contender, cache: Path = CACHE) -> str:
    """Return the interpreter of a peer's environment, made first if it is not there.

    Raises:
        UnavailableError: if a program that it needs is missing, or its packages do not install.
    """
    if program := contender.missing_program():
        raise UnavailableError(f"it needs {program}, which is not on the PATH")
    folder = cache / _folder_name(contender.requirements[0])
    python, stamp = folder / "bin" / "python", folder / "installed"
    wanted = "\n".join(contender.requirements)
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"{contender.name}: making its environment in {folder}", flush=True)
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(python), "-m", "pip", "install", "--quiet", *contender.requirements])
        stamp.write_text(wanted)
    return str(python.absolute())


def versions(python: str, requirements: Sequence[str]) -> dict[str, str]:
    """Return the versions in a peer's environment: its own packages and what it stands on."""
    listed = _run([python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"])
    names = {re.split(r"[\[=<>~ ]", requirement)[0].lower() for requirement in requirements} | set(SHOWN)
    return {package["name"]: package["version"] for package in json.loads(listed) if package["name"].lower() in names}


def _folder_name(requirement: str) -> str:
    return re.sub(r"[^\w.]+", "-", requirement)


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
        raise UnavailableError(f"its packages do not install: {' / '.join(lines[-2:])[-300:]}")
    return done.stdout
