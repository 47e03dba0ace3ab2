"""What a user meets at the command line, before anything is served."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from service.command_line import read_settings
from service.settings import Settings

KEY = "a-key-of-some-length"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **environment}
    )


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what is said when the arguments are refused."""
    with pytest.raises(SystemExit) as ended:
        read_settings(arguments, "chainzrule serve")
    assert ended.value.code == 2
    written = capsys.readouterr()
    assert written.out == ""
    return written.err


def test_refuses_in_a_sentence_with_status_2() -> None:
    result = run("--repository", "no/such/folder", CHAINZRULE_API_KEYS="tiny", CHAINZRULE_PORT="http")
    assert result.returncode == 2
    assert "no/such/folder is not a folder; it must hold <name>/<version>/" in result.stderr
    assert "port: Input should be a valid integer" in result.stderr
    assert result.stderr.count("\n") == 1
    assert "tiny" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--port", "http"], "port: Input should be a valid integer"),
        (["--max-rows", "0"], "max_rows: Input should be greater than or equal to 1"),
        (["--colour", "red"], "unrecognized arguments: --colour red"),
        (["--log-level", "loud"], "log_level: Input should be 'debug', 'info', 'warning' or 'error'"),
        (["--tls-key", "pyproject.toml"], "chainzrule serve: tls_certificate and tls_key go together"),
        (["--rep", "."], "unrecognized arguments: --rep"),
    ],
)
def test_says_what_is_wrong(capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str) -> None:
    assert complaint in refusal(capsys, "--repository", ".", *arguments)


@pytest.mark.parametrize("flag", ["--api-keys", "--admin-keys"])
@pytest.mark.parametrize("form", ["{flag} {key}", "{flag}={key}", "{flag}-fil={key}", "{flag}-file={key}x"])
def test_a_key_is_not_taken_on_the_command_line(capsys: pytest.CaptureFixture[str], flag: str, form: str) -> None:
    said = refusal(capsys, "--repository", ".", *form.format(flag=flag, key=KEY).split())
    if "fil" not in form:
        assert f"set CHAINZRULE_{flag[2:].replace('-', '_').upper()}, or give {flag}-file" in said
        assert KEY not in said


@pytest.mark.parametrize(
    ("variable", "meant"), [("API_KEY", "API_KEYS"), ("MAXROWS", "MAX_ROWS"), ("ADMIN_KEY_FILE", "ADMIN_KEYS_FILE")]
)
def test_a_variable_that_is_all_but_a_settings_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, variable: str, meant: str
) -> None:
    monkeypatch.setenv(f"CHAINZRULE_{variable}", KEY)
    said = refusal(capsys, "--repository", ".")
    assert f"CHAINZRULE_{variable} is no setting: did you mean CHAINZRULE_{meant}?" in said
    assert KEY not in said


def test_variables_of_others_are_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    # Kubernetes makes the middle ones for a service called chainzrule.
    for variable in ("DATA", "SERVICE_HOST", "SERVICE_PORT", "PORT_8080_TCP", "PORT_8080_TCP_ADDR", "PUBLISH"):
        monkeypatch.setenv(f"CHAINZRULE_{variable}", "x")
    assert read_settings(["--repository", "."], "serve").port == 8080


def test_a_flag_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINZRULE_PORT", "1")
    monkeypatch.setenv("CHAINZRULE_SERVER_TIMING", "on")
    settings = read_settings(["--repository", ".", "--port", "2", "--no-server-timing"], "serve")
    assert (settings.port, settings.server_timing, settings.repository) == (2, False, Path())
    assert read_settings(["--repository", "."], "serve").server_timing is True


def test_help_documents_every_setting_and_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_settings(["--help"], "chainzrule serve")
    assert ended.value.code == 0
    text = capsys.readouterr().out
    words = " ".join(text.split())
    for name, field in Settings.model_fields.items():
        secret = "SecretStr" in repr(field.annotation)
        assert (f"CHAINZRULE_{name.upper()}" if secret else f"--{name.replace('_', '-')}") in text
        assert " ".join(str(field.description).split()).replace(" ", "") in words.replace(" ", "")
    assert "SecretStr" not in text
    assert "example: chainzrule serve --repository models" in text
    assert max(map(len, text.splitlines())) <= 120
    assert re.search(r"--port N +Port to listen on; 0 for a free one\. \(0 to 65535; default 8080\)", text)
