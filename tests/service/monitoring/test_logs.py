import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.monitoring.context import RequestIdentity, current_request
from service.monitoring.logs import JsonFormatter, KeyValueFormatter, LogFormat, configure_logs
from tests.conftest import Exported
from tests.service.client import serving


def line(message: str, formatter: logging.Formatter | None = None, **extra: object) -> str:
    record = logging.makeLogRecord({"msg": message, "levelname": "INFO", **extra})
    return (formatter or KeyValueFormatter()).format(record)


def json_line(message: str, **extra: object) -> dict[str, Any]:
    text = line(message, JsonFormatter(), **extra)
    assert "\n" not in text
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


NASTY = [
    'bad "name"\nINFO all is well',
    "\r2026-01-01 INFO all is well",
    "\x1b[2J\x1b[31mred",
    "%s %d %(x)s %n",
    "{} {0.__class__}",
    "a=b level=INFO",
    "\u2028line\u2029paragraph\u0085next",
    "\ud800",
    "\u202egnirts",
    "",
    "a\x00b",
]


def test_a_line_is_an_event_and_its_particulars() -> None:
    assert line("model loaded", model="plant", version=3).endswith("INFO model loaded model=plant version=3")


def test_what_a_library_puts_on_every_record_is_left_out() -> None:
    assert line("model loaded", _ray_timestamp_ns=7).endswith("INFO model loaded")
    assert "_ray_timestamp_ns" not in json_line("model loaded", _ray_timestamp_ns=7)


@pytest.mark.parametrize("text", NASTY)
def test_what_a_client_wrote_is_one_quoted_value_on_the_console(text: str) -> None:
    written = line("request failed", reason=text)
    assert written.isprintable()
    assert written.endswith(f"INFO request failed reason={text!r}")


@pytest.mark.parametrize("text", NASTY)
def test_what_a_client_wrote_is_one_value_in_json(text: str) -> None:
    assert json_line("request failed", reason=text)["reason"] == text


@given(st.text())
def test_a_line_stays_a_line_whatever_is_in_it(text: str) -> None:
    assert line(text, key=text).isprintable()
    assert json_line(text.replace("%", "%%"), key=text)["key"] == text


def test_a_message_that_is_not_ours_is_escaped_too() -> None:
    assert line("\x1b[2J\nINFO all is well").endswith(r"INFO \x1b[2J\nINFO all is well")


def raised(message: str) -> Any:
    try:
        raise ValueError(message)
    except ValueError:
        return sys.exc_info()


def test_no_line_of_a_traceback_passes_for_the_logs() -> None:
    text = line("request failed", exc_info=raised("\n2026-01-01 00:00:00,000 INFO all is well\x1b[2J"))
    first, *rest = text.split("\n")
    assert first.endswith("INFO request failed")
    assert "ValueError" in text
    assert all(part.startswith("  ") and part.isprintable() for part in rest)


def test_json_says_when_how_bad_who_and_what() -> None:
    found = json_line("model loaded", model="plant", version=3, name="service.core", levelname="WARNING")
    assert (found["level"], found["logger"], found["message"]) == ("warning", "service.core", "model loaded")
    assert (found["model"], found["version"]) == ("plant", 3)
    assert found["time"].endswith("+00:00")


def test_a_traceback_is_one_value_in_json() -> None:
    assert "ValueError: a\nb" in json_line("request failed", exc_info=raised("a\nb"))["exception"]


def test_particulars_do_not_pass_for_the_time_or_the_level() -> None:
    found = json_line("model loaded", level="critical", time="never", logger="root")
    assert (found["level"], found["logger"]) == ("info", None)
    assert found["time"] != "never"


@pytest.mark.parametrize("value", [2**70, {1: 2}, {"a": {3, 4}}, object(), b"bytes", float("nan")])
def test_no_value_loses_a_line(value: object) -> None:
    assert json_line("model loaded", value=value)["message"] == "model loaded"
    assert line("model loaded", value=value).isprintable()


@pytest.mark.parametrize("formatter", [KeyValueFormatter(), JsonFormatter()])
def test_lines_name_the_request_and_the_trace_they_belong_to(formatter: logging.Formatter) -> None:
    token = current_request.set(RequestIdentity("abc", "4bf9", None))
    try:
        text = line("request failed", formatter)
    finally:
        current_request.reset(token)
    assert "request_id=abc trace_id=4bf9" in text.replace('":"', "=").replace('","', " ").replace('"', "")
    assert "span_id" not in text


@pytest.fixture
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("_logging_as_before")
def test_the_level_is_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("warning")
    logging.getLogger("service").info("quiet")
    logging.getLogger("service").warning("loud")
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.usefixtures("_logging_as_before")
@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_clients_path_name_and_id_never_write_a_line_of_their_own(
    exported: Exported, capsys: pytest.CaptureFixture[str], log_format: LogFormat
) -> None:
    configure_logs("debug", log_format)
    with serving(exported.repository) as service:
        capsys.readouterr()
        for path in (
            "/v1/models/%0aINFO%20forged",
            "/v1/models/%1b%5b2Jforged",
            "/forged%0d%0a%25s",
            "/v2/models/%25s%25n/forged",
        ):
            service.client.get(path, headers={b"x-request-id": b"forged\x1b[2J"})
        service.client.request("FORGED", "/v1/models")
    lines = [text for text in capsys.readouterr().err.splitlines() if "request answered" in text]
    assert len(lines) == 5
    assert "forged" not in "".join(lines).lower()


@pytest.mark.usefixtures("_logging_as_before")
def test_at_level_debug_every_request_is_logged_once_and_otherwise_none(
    exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(exported.repository) as service:
        for level, expected in (("debug", 1), ("info", 0)):
            configure_logs(level, "json")
            capsys.readouterr()
            answer = service.client.get("/v1/models/plant", headers={"x-request-id": "abc"})
            logged = [json.loads(text) for text in capsys.readouterr().err.splitlines()]
            lines = [found for found in logged if found["logger"] == "service.monitoring.middleware"]
            assert len(lines) == expected
            for found in lines:
                assert found["message"] == "request answered"
                assert (found["method"], found["route"], found["status"]) == ("GET", "/v1/models/{name}", 200)
                assert found["request_id"] == "abc"
                assert found["bytes"] == len(answer.content)
                assert 0 < found["seconds"] < 60
