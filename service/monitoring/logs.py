"""Logs: one line an event, what is particular to it as key=value."""

import logging
import sys

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class KeyValueFormatter(logging.Formatter):
    """`time level message key=value …`; values are quoted where they hold spaces, so a line stays a line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line for `record`."""
        extra = (f"{key}={_quote(value)}" for key, value in vars(record).items() if key not in _STANDARD)
        return " ".join([super().formatMessage(record).replace("\n", "\\n"), *extra])


def configure_logs(level: str) -> None:
    """Send this process's logs to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(KeyValueFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _quote(value: object) -> str:
    text = str(value)
    return repr(text) if any(character.isspace() or character == '"' for character in text) else text
