import logging

import pytest

from service.monitoring.logs import KeyValueFormatter, configure_logs


def line(message: str, **extra: object) -> str:
    record = logging.makeLogRecord({"msg": message, "levelname": "INFO", **extra})
    return KeyValueFormatter().format(record)


def test_a_line_is_an_event_and_its_particulars() -> None:
    assert line("model loaded", model="plant", version=3).endswith("INFO model loaded model=plant version=3")


def test_what_a_client_wrote_cannot_start_a_line_of_its_own() -> None:
    text = line("request failed\nINFO all is well", reason='bad "name"\nINFO all is well')
    assert "\n" not in text


def test_the_level_is_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        configure_logs("warning")
        logging.getLogger("service").info("quiet")
        logging.getLogger("service").warning("loud")
    finally:
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)
    assert capsys.readouterr().err.count("\n") == 1
