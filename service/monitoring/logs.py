"""Logs: one line an event, what is particular to it beside the message."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from service.monitoring.context import current_request

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}

LogFormat = Literal["console", "json"]


def _particulars(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a record says beside its message, the request it belongs to included."""
    found = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    if (identity := current_request.get()) is not None:
        found |= {key: value for key, value in identity._asdict().items() if value is not None}
    return found


class KeyValueFormatter(logging.Formatter):
    """`time level message key=value …`; values are quoted where they hold spaces, so a line stays a line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line for `record`."""
        extra = (f"{key}={_quote(value)}" for key, value in _particulars(record).items())
        return " ".join([super().formatMessage(record).replace("\n", "\\n"), *extra])


class JsonFormatter(logging.Formatter):
    """An object a line: time, level, logger, message, and the particulars."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for `record`."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_particulars(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure_logs(level: str, log_format: LogFormat = "console") -> None:
    """Send this process's logs to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(KeyValueFormatter() if log_format == "console" else JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _quote(value: object) -> str:
    text = str(value)
    return repr(text) if any(character.isspace() or character == '"' for character in text) else text
