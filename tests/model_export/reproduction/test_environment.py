import platform
import re
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
import torch

from model_export.reproduction import environment as module
from model_export.reproduction.environment import environment
from service import __version__


def test_it_says_what_a_result_depends_on() -> None:
    found = environment()
    assert found["torch"] == torch.__version__
    assert found["numpy"] == np.__version__
    assert found["python"] == platform.python_version()
    assert found["chainzrule"] == __version__
    assert all(found.values())


def test_it_names_no_machine_and_no_place() -> None:
    words = " ".join(environment().values())
    assert socket.gethostname() not in words
    assert str(Path.home()) not in words
    assert str(Path(module.__file__).parent) not in words


def test_the_commit_is_the_packages_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.fullmatch(r"[0-9a-f]{7,40}(-dirty)?|none", environment()["commit"])
    assert module._commit(tmp_path) == "none"
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert module._commit(Path(module.__file__).parent) == "none"


def test_what_is_not_installed_is_none() -> None:
    assert module._installed("no-such-library-of-ours") == "none"
