"""Logging of the components: JSON lines for machines, readable lines for people; never a token or Secret content."""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TextIO

from pythonjsonlogger.core import RESERVED_ATTRS, BaseJsonFormatter, LogData

from licet.cluster.redact import redact

# What kopf attaches to its records: a reference to the object, and two things that are of no use outside of kopf.
_KOPF_REFERENCE: Final = "k8s_ref"
_NOT_FIELDS: Final = frozenset(RESERVED_ATTRS) | {"taskName", _KOPF_REFERENCE, "k8s_skip", "settings"}

# The libraries never log below these, whatever is asked for: their debug messages quote whole objects, answers of the
# API server and OAuth tokens. kopf also reports every call of every handler at INFO.
_FLOORS: Final = {"": logging.INFO, "kopf.objects": logging.WARNING, "aiohttp.access": logging.WARNING}
_OWN: Final = "licet"

_COLORS: Final = {"DEBUG": "\033[2m", "INFO": "\033[32m", "WARNING": "\033[33m", "ERROR": "\033[31m"}
_DIM: Final = "\033[2m"
_RESET: Final = "\033[0m"
# Names of charts and the like come from others: they must neither forge a line nor steer the terminal.
_ESCAPES: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


class LogFormat(StrEnum):
    """How log lines are written; AUTO is TEXT on a terminal and JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    TEXT = "text"


def configure_logging(
    log_format: LogFormat = LogFormat.AUTO, level: int = logging.INFO, stream: TextIO | None = None
) -> None:
    """Send the logs of licet and its libraries to `stream` (standard error), from `level` up; replaces any other setup.

    Text is coloured on a terminal unless NO_COLOR is set (https://no-color.org).
    """
    stream = stream or sys.stderr
    terminal = stream.isatty()
    if log_format is LogFormat.JSON or (log_format is LogFormat.AUTO and not terminal):
        formatter: logging.Formatter = JsonFormatter()
    else:
        formatter = TextFormatter(color=terminal and not os.environ.get("NO_COLOR"))
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    for name, floor in _FLOORS.items():
        logging.getLogger(name).setLevel(max(level, floor))
    logging.getLogger(_OWN).setLevel(level)
    logging.captureWarnings(capture=True)


class JsonFormatter(BaseJsonFormatter):
    """One JSON object a line: timestamp (RFC 3339, UTC), level, logger, message, and the extra fields of the record."""

    def __init__(self) -> None:
        super().__init__(reserved_attrs=sorted(_NOT_FIELDS))

    def add_fields(self, log_data: LogData, record: logging.LogRecord, message_dict: LogData) -> None:
        """Put the fixed fields first."""
        log_data["timestamp"] = _timestamp(record)
        log_data["level"] = record.levelname.lower()
        log_data["logger"] = record.name
        log_data["message"] = record.message
        if (reference := _reference(record)) is not None:
            log_data["object"] = reference
        super().add_fields(log_data, record, message_dict)

    def jsonify_log_record(self, log_data: LogData) -> str:
        """Write the line; what JSON has no form for is written as text."""
        return redact(json.dumps(log_data, default=str, ensure_ascii=False))


class TextFormatter(logging.Formatter):
    """One readable line: time of day, level, logger, message, extra fields as name=value; tracebacks below."""

    def __init__(self, *, color: bool) -> None:
        super().__init__()
        self._color = color

    def format(self, record: logging.LogRecord) -> str:
        """Write the line."""
        level, where, time_of_day = f"{record.levelname:<7}", record.name, _timestamp(record)[11:23]
        fields = {name: value for name, value in vars(record).items() if name not in _NOT_FIELDS}
        if (reference := _reference(record)) is not None:
            fields["object"] = "/".join(part for part in (reference.get("namespace"), reference.get("name")) if part)
        message = record.getMessage().translate(_ESCAPES)
        extra = "".join(f" {name}={value}" for name, value in fields.items()).translate(_ESCAPES)
        if self._color:
            level = f"{_COLORS.get(record.levelname, _COLORS['ERROR'])}{level}{_RESET}"
            where, time_of_day = f"{_DIM}{where}{_RESET}", f"{_DIM}{time_of_day}{_RESET}"
            extra = f"{_DIM}{extra}{_RESET}" if extra else ""
        line = f"{time_of_day} {level} {where}: {message}{extra}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        if record.stack_info:
            line += "\n" + record.stack_info
        return redact(line)


def _timestamp(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reference(record: logging.LogRecord) -> dict[str, str] | None:
    reference: dict[str, str] | None = getattr(record, _KOPF_REFERENCE, None)
    return reference
