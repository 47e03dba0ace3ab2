import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings


def test_come_from_the_environment_over_their_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINZRULE_REPOSITORY", str(tmp_path))
    monkeypatch.setenv("CHAINZRULE_PORT", "9000")
    settings = Settings()
    assert (settings.repository, settings.port, settings.host) == (tmp_path, 9000, "127.0.0.1")


def test_every_setting_is_documented_where_it_is_declared() -> None:
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize(
    ("name", "value"), [("port", 70000), ("threads", 0), ("max_rows", 0), ("max_body_bytes", 1), ("log_level", "loud")]
)
def test_unusable_values_are_refused(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings(repository=tmp_path, **{name: value})  # type: ignore[arg-type]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--repository", "no/such/folder"], "no/such/folder is not a folder; it must hold <name>/<version>/"),
        (["--repository", ".", "--port", "http"], "port: Input should be a valid integer"),
        (["--repository", ".", "--max-rows", "0"], "max_rows: Input should be greater than or equal to 1"),
        (["--colour", "red"], "unrecognized arguments: --colour red"),
    ],
)
def test_the_command_line_refuses_in_a_sentence_with_status_2(arguments: list[str], complaint: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert complaint in result.stderr
    assert "Traceback" not in result.stderr


def test_help_documents_every_setting() -> None:
    result = run("--help")
    assert result.returncode == 0
    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in result.stdout
        assert " ".join(str(field.description).split())[:30] in " ".join(result.stdout.split())
