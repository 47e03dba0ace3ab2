import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest

from model_export.reproduction import experiments
from model_export.reproduction.records import Experiment, Outcome, Record, Unit
from model_export.reproduction.report import RUNS, write_report
from model_export.reproduction.unit_files import write
from tests.model_export.reproduction.made_up_records import cifar10_c, frame, pima, sst5

ENVIRONMENT = {"processor": "An abacus", "cores": "2", "gpu": "none", "torch": "2.0", "commit": "abc1234"}


def planned(count: int) -> Callable[[bool], Sequence[Unit]]:
    return lambda _: [Unit(f"seed-{seed}", {"seed": seed}, 1.0, lambda: Outcome([], {})) for seed in range(count)]


EXPERIMENTS: Mapping[str, Experiment] = {
    "pima": Experiment("Pima diabetes", "768 rows.", "Cross-validation.", planned(3)),
    "sst5": Experiment("SST-5", "8,544 sentences.", "Seeds.", planned(12)),
    "cifar10-c": Experiment("CIFAR-10-C", "9,980 test images.", "Seeds.", planned(12)),
    "mnist": Experiment("MNIST", "60,000 images.", "Seeds.", planned(1)),
    "ablations": Experiment("Ablations", "768 rows.", "Seeds.", planned(2)),
}


def ablations() -> pd.DataFrame:
    return frame(
        [
            Record("ChainzRule", 10, metric, 0.5 + seed / 10, seed, condition=condition)
            for seed in range(2)
            for condition in ("degree 2", "degree 3")
            for metric in ("accuracy", "tail ratio")
        ]
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    frames = {"ablations": ablations(), "cifar10-c": cifar10_c(), "sst5": sst5(), "pima": pima()}
    for name, made in frames.items():
        for unit in planned(made["unit"].nunique())(False):
            write(unit, Outcome([], {"chosen": "λ = 0.003"}), 60.0, ENVIRONMENT, folder / RUNS / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiments, "EXPERIMENTS", EXPERIMENTS)
        write_report(frames, {"mnist": "put mnist/train-images here"}, folder, quick=False)
    return folder


@pytest.fixture(scope="module")
def text(report: Path) -> str:
    return (report / "README.md").read_text(encoding="utf-8")


def test_it_holds_every_section_in_the_tables_order(text: str) -> None:
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "The paper beside ours",
        "Figures",
        "pima: Pima diabetes",
        "sst5: SST-5",
        "cifar10-c: CIFAR-10-C",
        "ablations: Ablations",
        "ChainzRule minus each other contender",
        "Where it ran",
    ]
    assert "nan" not in text
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({row.count("|") for row in table.splitlines()}) == 1
    assert "quick look" not in text


def test_every_table_has_a_title_above_it(text: str) -> None:
    lines = text.splitlines()
    heads = [index for index, line in enumerate(lines) if line.startswith("| ") and not lines[index - 1]]
    assert len(heads) > 10
    for index in heads:
        assert lines[index - 2].endswith(":") or lines[index - 2].startswith(("### ", "Means ±"))


def test_what_is_missing_is_said_at_the_top(text: str) -> None:
    top = text.split("## The paper beside ours", maxsplit=1)[0]
    assert "**Not run, or not to the end:**" in top
    assert "- mnist: not run: put mnist/train-images here" in top
    assert "- sst5: 5 of 12 units, which is 5 seeds and fewer than planned" in top
    assert "- pima" not in top
    assert "- cifar10-c" not in top


def test_a_worse_result_reads_as_plainly_as_a_better_one(text: str) -> None:
    part = text.split("### pima, accuracy, %: by 30 folds")[1].split("###", maxsplit=1)[0]
    rows = {line.split(" | ")[0]: line for line in part.splitlines()}
    assert rows["| svm"].endswith("| worse |")
    assert rows["| relu"].endswith("| better |")
    assert rows["| gelu"].endswith("| not shown to differ |")
    assert "| -4.96 (-6.07 to -3.85) | < 0.001 |" in rows["| svm"]


def test_what_too_few_seeds_could_not_have_shown_is_said(text: str) -> None:
    assert "**18 comparisons could not have shown a difference" in text
    assert text.count("not shown to differ † |") == 18
    assert "(too few seeds for an interval)" in text


def test_where_it_ran_and_how_long_is_said(text: str) -> None:
    assert "| processor | An abacus |" in text
    assert "| experiment | pima, sst5, cifar10-c, ablations |" in text
    assert "12 seeds; 0:12:00 of computing." in text


def test_variants_have_their_table_without_being_compared(text: str) -> None:
    part = text.split("## ablations")[1].split("## ", maxsplit=1)[0]
    assert "| degree 2 | 55.00 ± 7.07 | 0.550 ± 0.071 |" in part
    assert "### ablations" not in text


def test_the_figures_are_there(report: Path, text: str) -> None:
    places = re.findall(r"\]\((.*?)\)", text)
    assert len(places) == 8
    assert all((report / place).exists() for place in places)


def test_the_tables_behind_it_are_written(report: Path) -> None:
    records = pd.read_csv(report / "records.csv", keep_default_na=False)
    assert list(records["experiment"].unique()) == ["pima", "sst5", "cifar10-c", "ablations"]
    assert len(records) == len(pima()) + len(sst5()) + len(cifar10_c()) + len(ablations())
    assert set(pd.read_csv(report / "comparisons.csv")["verdict"]) == {"better", "worse", "not shown to differ"}
    units = pd.read_csv(report / "units.csv")
    assert len(units) == 3 + 5 + 12 + 2
    assert units["notes"][0] == '{"chosen": "λ = 0.003"}'
    assert {"experiment", "contender", "mean", "sd", "n"} <= set(pd.read_csv(report / "summary.csv").columns)


def test_a_quick_look_marks_itself_and_nothing_run_is_a_report_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "EXPERIMENTS", EXPERIMENTS)
    write_report({"pima": pima(repeats=1)}, {}, tmp_path / "quick", quick=True)
    lines = (tmp_path / "quick" / "README.md").read_text(encoding="utf-8").splitlines()
    assert lines[2].startswith("**A quick look")
    write_report({"pima": pima().iloc[:0]}, {}, tmp_path / "none", quick=False)
    assert "- pima: not run" in (tmp_path / "none" / "README.md").read_text(encoding="utf-8")
    assert [file.name for file in (tmp_path / "none").iterdir()] == ["README.md"]
