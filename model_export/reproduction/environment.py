"""What ran where."""

import platform
import shutil
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from os import cpu_count
from pathlib import Path

import torch

from service import __version__

_LIBRARIES = ("torch", "onnxruntime", "numpy", "scikit-learn")


@cache
def environment() -> dict[str, str]:
    """Return the machine and the versions a result may depend on, as words; nothing that names the machine.

    The commit is that of the working tree the package lies in, marked where files differ from it; "none" elsewhere.
    """
    return {
        "processor": _processor(),
        "cores": str(cpu_count() or "unknown"),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{library: _installed(library) for library in _LIBRARIES},
        "chainzrule": __version__,
        "commit": _commit(Path(__file__).parent),
    }


def _processor() -> str:
    """Return the processor's model; `platform` knows only its architecture on Linux."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text(encoding="utf-8").splitlines() if known.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or "unknown"


def _installed(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"


def _commit(folder: Path) -> str:
    """Return the commit of `folder`; a repository that lies around an installed package is not the package's."""
    git = shutil.which("git")
    if git is None or not _said(git, folder, "ls-files", Path(__file__).name):
        return "none"
    return _said(git, folder, "describe", "--always", "--dirty", "--exclude", "*") or "none"


def _said(git: str, folder: Path, *arguments: str) -> str:
    command = [git, "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - no input
