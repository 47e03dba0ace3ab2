"""The worked examples are run as their page says, say what it shows, and leave a version that verifies."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from model_export.graph.folder_check import check_folder

PAGE = (Path(__file__).parents[3] / "model_export/examples/README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh\npython (-m [\w.]+\.(\w+) models)\n```\n\n```\n(.*?)```", PAGE, re.DOTALL)
DECIMAL = re.compile(r"-?\d+\.\d+")


@pytest.mark.parametrize(
    ("words", "model", "shown"),
    [
        pytest.param(words, model, shown, id=name)
        for (words, name, shown), model in zip(EXAMPLES, ("credits", "tickets", "shapes"), strict=True)
    ],
)
def test_an_example_says_what_its_page_shows(tmp_path: Path, words: str, model: str, shown: str) -> None:
    done = subprocess.run(
        [sys.executable, *shlex.split(words)],
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "120", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    for line in shown.splitlines():
        assert any(_alike(line, other) for other in said), f"{line}\nnot in\n{done.stdout}"
    findings = [finding.text for finding in check_folder(tmp_path / "models" / model / "1")]
    assert any("finite differences agree" in finding for finding in findings), findings


def _alike(shown: str, said: str) -> bool:
    """Whether two lines say the same: the words alike, decimals nearly so, for another processor learns otherwise."""
    if DECIMAL.sub("#", shown).split() != DECIMAL.sub("#", said).split():
        return False
    pairs = zip(DECIMAL.findall(shown), DECIMAL.findall(said), strict=True)
    return all(abs(float(there) - float(here)) <= 0.1 for there, here in pairs)
