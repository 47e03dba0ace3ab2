"""An installation that only serves: no torch, no scikit-learn, and what still works."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the project without extras into an environment of its own."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
    lock = ROOT / "tests" / "constraints.lock"
    subprocess.run(
        [scripts / "python", "-m", "pip", "install", "--quiet", "--constraint", lock, ROOT],
        check=True,
        capture_output=True,
        timeout=280,
    )
    return scripts


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_holds_nothing_of_training(binaries: Path) -> None:
    installed = run(binaries / "python", "-m", "pip", "list", "--format=freeze").stdout
    names = {line.partition("==")[0].lower().replace("_", "-") for line in installed.splitlines()}
    assert "onnxruntime" in names
    assert not names & {"torch", "scikit-learn", "skorch", "onnx", "pandas", "scipy", "typer"}


def test_serve_works_and_the_others_name_the_extra(binaries: Path) -> None:
    help_text = run(binaries / "chainzrule", "serve", "--help")
    assert help_text.returncode == 0
    assert "--repository" in help_text.stdout
    for command in ("train", "verify", "inspect", "score"):
        result = run(binaries / "chainzrule", command, "x")
        assert result.returncode == 1
        assert "pip install 'chainzrule[export]'" in result.stderr


def test_the_page_came_with_it(binaries: Path) -> None:
    program = "from service.protocol.page import PAGE_PATHS; print(sorted(PAGE_PATHS))"
    assert "'/', '/web/charts.js'" in run(binaries / "python", "-c", program).stdout


def test_the_bundled_model_answers(binaries: Path) -> None:
    program = (
        "from pathlib import Path; import numpy as np; from service.inference.model import Model; "
        f"model = Model.load(Path({str(ROOT / 'deploy/models/pima/1')!r}), threads=1); "
        "print(model.score(np.full((2, 8), 50, np.float32))['reliability'].shape)"
    )
    assert run(binaries / "python", "-c", program).stdout.strip() == "(2,)"
