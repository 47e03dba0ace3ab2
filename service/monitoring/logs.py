"""Logs: one line an event, what is particular to it beside the message."""

import json
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
    # What begins with an underscore some library puts on every record of the process, as Ray does once it is imported.
    found = {key: value for key, value in vars(record).items() if key not in _STANDARD and not key.startswith("_")}
    if (identity := current_request.get()) is not None:
        found |= {key: value for key, value in identity._asdict().items() if value is not None}
    return found


class KeyValueFormatter(logging.Formatter):
    """`time level message key=value …`; a traceback follows, indented.

    What cannot be printed is escaped and what could be misread is quoted, so that nothing a client wrote starts a line
    of its own, passes for another key or moves the reader's cursor.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line for `record`."""
        extra = (f"{_escape(key)}={_quote(value)}" for key, value in _particulars(record).items())
        return " ".join([_escape(super().formatMessage(record).rstrip("\n")), *extra])

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return a traceback that nobody can take for lines of the log."""
        return "\n".join(f"  {_escape(line)}" for line in super().formatException(ei).split("\n"))


class JsonFormatter(logging.Formatter):
    """An object a line: time, level, logger, message, and the particulars."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for `record`."""
        line = _particulars(record) | {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage().rstrip("\n"),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        try:
            return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        except TypeError:
            # orjson refuses half a surrogate pair and integers over 64 bits; a line must not be lost over them.
            return json.dumps(line, default=str)


def configure_logs(level: str, log_format: LogFormat = "console") -> None:
    """Send this process's logs to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(KeyValueFormatter() if log_format == "console" else JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _escape(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _quote(value: object) -> str:
    text = str(value)
    plain = text.isprintable() and not any(character in text for character in " \"'=")
    return text if plain and text else repr(text)
