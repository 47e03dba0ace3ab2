"""What the README and the pages in docs show is what a user gets."""

import json
import re
import shlex
from collections import Counter
from pathlib import Path

import pytest

from service.settings import Settings
from service.version_folder import read_manifest
from tests.service.client import serving

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {file: file.read_text(encoding="utf-8") for file in (ROOT / "README.md", *sorted((ROOT / "docs").iterdir()))}


def _page(name: str) -> str:
    return PAGES[ROOT / "docs" / f"{name}.md"]


def _section(text: str, title: str) -> str:
    before, after = text.split(f"# {title}\n")
    level = len(before) - len(before.rstrip("#")) + 1
    return re.split(rf"^#{{1,{level}}} ", after, maxsplit=1, flags=re.MULTILINE)[0]


def _anchors(text: str) -> set[str]:
    """Every heading's, as GitHub makes them: a link's text alone, and numbers behind those that come again."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    seen: Counter[str] = Counter()
    anchors = set()
    for heading in re.findall(r"^#{1,6} +(.*?) *$", prose, re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        anchors.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return anchors


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
    snippet = re.search(r"```python\n(.*?)```", _page("training"), re.DOTALL)
    assert snippet is not None
    monkeypatch.chdir(tmp_path)
    exec(compile(snippet[1], "training.md", "exec"), {})
    manifest = read_manifest(tmp_path / "models" / "progression" / "1")
    assert manifest.predicted.target == "progression"
    assert manifest.evaluation.accuracy > manifest.evaluation.majority_accuracy


def test_every_place_it_names_is_there() -> None:
    places = re.findall(r"`([\w./-]*[/.\w]+)`", _section(README, "Where things are"))
    places = [place for place in places if place not in {"manifest.json", "/v1", "/v2"}]
    assert len(places) > 10
    for place in places:
        assert (ROOT / place).exists(), place


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", PAGES[page])
    assert links
    for place, anchor in links:
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), place
        if anchor:
            assert anchor in _anchors(target.read_text(encoding="utf-8")), (place, anchor)


def test_every_page_is_linked_from_the_readme() -> None:
    assert len(PAGES) > 4
    for page in PAGES:
        assert page.name == "README.md" or f"](docs/{page.name})" in README, page.name


def test_anchors_are_made_as_github_makes_them() -> None:
    page = "# The paper's table, run again\n```sh\n# not one\n```\n## `train` & [look](x.md)\n## Look_up\n## Look_up\n"
    assert _anchors(page) == {"the-papers-table-run-again", "train--look", "look_up", "look_up-1"}


def test_every_figure_of_the_front_page_is_on_the_page_it_leads_to() -> None:
    summary = README.split("## Watching it")[1].split("## Where things are")[0]
    pages = "\n".join(text for page, text in PAGES.items() if page.name != "README.md")
    shown = set(_figures(summary))
    assert len(shown) > 50
    assert shown <= set(_figures(pages))


def test_the_canaries_shown_are_such_as_the_service_takes() -> None:
    runbook = (ROOT / "deploy/RUNBOOK.md").read_text(encoding="utf-8")
    shown = re.findall(r"--canary ([^\s`]+)", "\n".join([*PAGES.values(), runbook]))
    assert len(shown) > 2
    for value in shown:
        assert len(Settings(repository=ROOT / "deploy/models", canary=value).canary) == 1


def test_the_papers_table_is_that_of_the_results() -> None:
    section = _section(_page("evidence"), "The paper's table, run again")
    report = (ROOT / "model_export/results/paper/README.md").read_text(encoding="utf-8")
    found = [set(cells) for cells in _rows(report)]
    shown = _rows(section)
    assert len(shown) > 15
    for cells in shown:
        assert any(set(cells) <= row | {""} for row in found), cells


@pytest.mark.parametrize(("text", "rows"), [(README, 8), (_page("speed"), 14)], ids=["README", "speed"])
def test_the_requests_a_second_are_those_of_the_results(text: str, rows: int) -> None:
    section = _section(text, "How fast it is").split("What it set out")[0]
    measured: dict[str, set[str]] = {}
    for name, *cells in _rows((ROOT / "tests/benchmarks/results/serving.md").read_text(encoding="utf-8")):
        measured.setdefault(name, {"–"}).update(cells)
    shown = _rows(section)[1:]
    assert len(shown) == rows
    for name, *cells in shown:
        assert set(cells) <= measured[name], name


def test_the_small_tables_are_those_of_the_results() -> None:
    section = _section(_page("training"), "Beside the usual models")
    assert _rows(section) == _rows((ROOT / "tests/benchmarks/results/tables.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("command", ["make serve", "make test", "make bench", "docker compose up --build"])
def test_its_commands_are_the_projects(command: str) -> None:
    assert command in README
    if command.startswith("make"):
        assert re.search(rf"^{command.split()[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def _figures(text: str) -> list[str]:
    return re.findall(r"\d+(?:[.,]\d+)*", text)


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
