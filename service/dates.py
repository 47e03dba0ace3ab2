"""Dates as text and as numbers: ISO 8601 and days since 1970."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


def days_of(text: str) -> float:
    """Return the days since the beginning of 1970 of a date or a moment in ISO 8601; without a zone it is in UTC.

    Raises:
        ValueError: if it is none, or no day of the calendar.
    """
    moment = datetime.fromisoformat(text)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) / _DAY


def date_of(days: float, *, times: bool = False) -> str:
    """Return the text of so many days since 1970: the date, and with `times` the time of day to a second.

    Raises:
        OverflowError: if the year has not four digits.
    """
    moment = _EPOCH + days * _DAY
    return moment.replace(microsecond=0, tzinfo=None).isoformat() if times else moment.date().isoformat()
