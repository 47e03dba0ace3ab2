from pathlib import Path

import pytest

from service.inference import threads
from service.inference.threads import available_cores


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A control group's files, none of them there yet; the process may use eight cores."""
    monkeypatch.setattr(threads, "_V2", tmp_path / "cpu.max")
    monkeypatch.setattr(threads, "_V1_QUOTA", tmp_path / "cpu.cfs_quota_us")
    monkeypatch.setattr(threads, "_V1_PERIOD", tmp_path / "cpu.cfs_period_us")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    return tmp_path


def test_without_a_quota_they_are_those_of_the_affinity(group: Path) -> None:
    assert available_cores() == 8
    (group / "cpu.max").write_text("max 100000\n")
    assert available_cores() == 8


@pytest.mark.parametrize(
    ("limit", "cores"), [("200000", 2), ("150000", 2), ("10000", 1), ("900000", 8), ("nonsense", 8)]
)
def test_a_quota_counts_rounded_up_and_no_further_than_the_affinity(group: Path, limit: str, cores: int) -> None:
    (group / "cpu.max").write_text(f"{limit} 100000\n")
    assert available_cores() == cores


def test_the_older_kind_of_control_group_is_known_too(group: Path) -> None:
    (group / "cpu.cfs_period_us").write_text("100000\n")
    (group / "cpu.cfs_quota_us").write_text("-1\n")
    assert available_cores() == 8
    (group / "cpu.cfs_quota_us").write_text("300000\n")
    assert available_cores() == 3
