"""Instants, durations and dates as license tokens write them; an instant is an `int`, seconds since 1970 in UTC."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime
from math import floor
from typing import Final

from licet.core import bounds

SECONDS_PER_DAY: Final = 86_400
_DURATION: Final = re.compile(
    r"P(?=.)(?:(?P<weeks>\d{1,6})W)?(?:(?P<days>\d{1,6})D)?(?:T(?P<hours>\d{1,6})H)?", re.ASCII
)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_RFC3339: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def parse_duration(text: str) -> int:
    """Read an ISO 8601 duration of weeks, days and hours, such as `P14D` or `P1DT12H`, into seconds.

    Raises:
        ValueError: another syntax (months and years have no fixed length), or longer than ten years.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a duration in weeks, days and hours, such as P14D or P1DT12H")
    weeks, days, hours = (int(part) if part else 0 for part in match.group("weeks", "days", "hours"))
    seconds = (weeks * 7 + days) * SECONDS_PER_DAY + hours * 3600
    if seconds > bounds.DURATION_DAYS_MAX * SECONDS_PER_DAY:
        raise ValueError(f"{text!r} is longer than ten years")
    return seconds


def parse_date(text: str) -> date:
    """Read a calendar day such as `2026-10-01` (RFC 3339 full-date); raises `ValueError` for anything else."""
    with suppress(ValueError):  # the syntax may be right, and the calendar not have such a day
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    raise ValueError(f"{text[:40]!r} is not a date such as 2026-10-01")


def parse_instant(text: str) -> int:
    """Read an RFC 3339 timestamp such as `2026-10-01T12:00:00Z`, or a date (its first second), into epoch seconds.

    Raises:
        ValueError: neither of the two.
    """
    with suppress(ValueError):  # the syntax may be right, and no clock ever show this
        if _DATE.fullmatch(text):
            return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
        if _RFC3339.fullmatch(text):
            return floor(datetime.fromisoformat(text.upper()).timestamp())
    raise ValueError(f"{text[:40]!r} is not a time such as 2026-10-01T12:00:00Z")


def format_instant(instant: int) -> str:
    """Write epoch seconds as RFC 3339 in UTC, whole seconds: the form that Kubernetes gives its own timestamps."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
