"""What the README shows is what a user gets."""

import json
import re
import shlex
from pathlib import Path

import pytest

from service.version_folder import read_manifest
from tests.service.client import serving

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_curl_gets_the_answer_that_is_shown() -> None:
    command = re.search(r"```sh\n(curl .*?)```", README, re.DOTALL)
    answer = re.search(r"```json\n(.*?)```", README, re.DOTALL)
    assert command is not None
    assert answer is not None
    words = shlex.split(command[1].replace("\\\n", " "))
    url, body = next(word for word in words if "localhost" in word), words[words.index("-d") + 1]
    with serving(ROOT / "deploy" / "models") as service:
        response = service.client.post(url.split(":8080")[1], content=body)
    assert response.status_code == 200
    shown, got = json.loads(answer[1]), response.json()
    # Each answer's own.
    assert [re.sub("[0-9a-f]+", "#", each.pop("id")) for each in (shown, got)] == ["#-#-#"] * 2
    assert _rounded(got) == _rounded(shown)


def test_the_estimator_that_is_exported_from_python_becomes_a_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snippet = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert snippet is not None
    monkeypatch.chdir(tmp_path)
    exec(compile(snippet[1], "README.md", "exec"), {})
    manifest = read_manifest(tmp_path / "models" / "progression" / "1")
    assert manifest.predicted.target == "progression"
    assert manifest.evaluation.accuracy > manifest.evaluation.majority_accuracy


def test_every_place_it_names_is_there() -> None:
    section = README.split("## Where things are")[1].split("\n## ")[0]
    places = re.findall(r"`([\w./-]*[/.\w]+)`", section) + re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    places = [place for place in places if place not in {"manifest.json", "/v1", "/v2"}]
    assert len(places) > 10
    for place in places:
        assert (ROOT / place).exists(), place


def test_the_papers_table_is_that_of_the_results() -> None:
    section = README.split("## The paper's table, run again")[1].split("\n## ")[0]
    report = (ROOT / "model_export/results/paper/README.md").read_text(encoding="utf-8")
    found = [set(cells) for cells in _rows(report)]
    shown = _rows(section)
    assert len(shown) > 15
    for cells in shown:
        assert any(set(cells) <= row | {""} for row in found), cells


def test_the_requests_a_second_are_those_of_the_results() -> None:
    section = README.split("## How fast it is")[1].split("\n## ")[0].split("What it set out")[0]
    measured: dict[str, set[str]] = {}
    for name, *cells in _rows((ROOT / "tests/benchmarks/results/serving.md").read_text(encoding="utf-8")):
        measured.setdefault(name, {"–"}).update(cells)
    shown = _rows(section)[1:]
    assert len(shown) > 10
    for name, *cells in shown:
        assert set(cells) <= measured[name], name


def test_the_small_tables_are_those_of_the_results() -> None:
    section = README.split("### Beside the usual models")[1].split("\n### ")[0]
    assert _rows(section) == _rows((ROOT / "tests/benchmarks/results/tables.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("command", ["make serve", "make test", "make bench", "docker compose up --build"])
def test_its_commands_are_the_projects(command: str) -> None:
    assert command in README
    if command.startswith("make"):
        assert re.search(rf"^{command.split()[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def _rows(text: str) -> list[list[str]]:
    """Return the cells of every row of every table, without the heads' rules."""
    rows = [line.strip().strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows if not set("".join(row)) <= set("-: ")]


def _rounded(value: object) -> object:
    """Numbers to five significant digits: the last one or two differ between processors."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
