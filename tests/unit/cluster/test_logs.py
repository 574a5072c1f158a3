import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import datetime

import kopf
import pytest

from licet.cluster.logs import LogFormat, configure_logging

TOKEN = "eyJhbGciOiJFZERTQSIsInR5cCI6ImxpY2Vuc2Urand0In0.eyJpc3MiOiJodHRwczovL2EifQ.c2lnbmF0dXJl"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def logging_as_it_was(monkeypatch) -> Iterator[None]:
    monkeypatch.delenv("NO_COLOR", raising=False)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("licet", "kopf.objects", "aiohttp.access"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.captureWarnings(capture=False)


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_line_has_the_fixed_fields_and_the_extra_ones():
    stream = io.StringIO()
    configure_logging(LogFormat.JSON, stream=stream)
    logging.getLogger("licet.gate").info("denied %s", "web", extra={"decision": "01JD", "revision": 3})
    (line,) = lines(stream)
    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset().total_seconds() == 0
    assert line == {"level": "info", "logger": "licet.gate", "message": "denied web", "decision": "01JD", "revision": 3}


def test_timestamp_is_rfc_3339_in_utc():
    stream = io.StringIO()
    configure_logging(LogFormat.JSON, stream=stream)
    record = logging.LogRecord("licet", logging.INFO, "", 0, "x", None, None)
    record.created = 1_793_534_400.25
    logging.getLogger("licet").handle(record)
    assert lines(stream)[0]["timestamp"] == "2026-11-01T12:00:00.250Z"


def test_exception_is_one_json_line():
    stream = io.StringIO()
    configure_logging(LogFormat.JSON, stream=stream)
    logging.getLogger("licet").error("failed", exc_info=ValueError("boom"))
    (line,) = lines(stream)
    assert "ValueError: boom" in line["exc_info"]


def test_extra_field_that_json_does_not_know_is_written_as_text():
    stream = io.StringIO()
    configure_logging(LogFormat.JSON, stream=stream)
    logging.getLogger("licet").info("x", extra={"path": object, "keys": {1, 2}})
    assert lines(stream)[0]["keys"] == "{1, 2}"


@pytest.mark.parametrize("log_format", [LogFormat.JSON, LogFormat.TEXT])
@pytest.mark.parametrize("place", ["message", "argument", "extra", "exception"])
def test_token_is_never_printed(log_format, place):
    stream = io.StringIO()
    configure_logging(log_format, stream=stream)
    logger = logging.getLogger("licet")
    match place:
        case "message":
            logger.info(f"token {TOKEN}")  # noqa: G004 - what it is about
        case "argument":
            logger.info("token %s", TOKEN)
        case "extra":
            logger.info("token", extra={"object": {"spec": {"token": TOKEN}}})
        case "exception":
            logger.error("token", exc_info=ValueError(TOKEN))
    assert "token" in stream.getvalue()
    assert "eyJ" not in stream.getvalue()
    assert "c2lnbmF0dXJl" not in stream.getvalue()


def test_records_of_kopf_name_their_object_and_nothing_of_kopfs_own():
    stream = io.StringIO()
    configure_logging(LogFormat.JSON, stream=stream)
    reference = {"apiVersion": "v1", "kind": "License", "name": "acme", "uid": "u", "namespace": None}
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    extra = {"k8s_ref": reference, "k8s_skip": True, "settings": settings}
    logging.getLogger("kopf.objects").warning("Handler failed", extra=extra)
    (line,) = lines(stream)
    assert line["object"] == reference
    assert not {"k8s_ref", "k8s_skip", "settings"} & line.keys()


def test_libraries_stay_quiet_when_debugging_because_they_print_whole_objects():
    stream = io.StringIO()
    configure_logging(LogFormat.JSON, logging.DEBUG, stream)
    for name in ("kopf.objects", "kopf._core.engines", "kubernetes.client.rest", "requests_oauthlib.oauth2_session"):
        logging.getLogger(name).debug("body: password")
    logging.getLogger("licet.watch").debug("ours")
    assert [line["message"] for line in lines(stream)] == ["ours"]


def test_kopfs_report_of_every_call_of_a_handler_is_left_out():
    stream = io.StringIO()
    configure_logging(LogFormat.JSON, stream=stream)
    logging.getLogger("kopf.objects").info("Handler 'on_license' succeeded.")
    assert stream.getvalue() == ""


def test_auto_is_json_in_a_pod_and_text_on_a_terminal():
    for stream in (io.StringIO(), Terminal()):
        configure_logging(LogFormat.AUTO, stream=stream)
        logging.getLogger("licet").info("x")
        assert stream.getvalue().startswith("{") != stream.isatty()


def test_text_is_readable_and_coloured_on_a_terminal_only():
    for stream, color in ((Terminal(), True), (io.StringIO(), False)):
        configure_logging(LogFormat.TEXT, stream=stream)
        logging.getLogger("licet.gate").warning("denied", extra={"release": "web"})
        assert ("\033[33mWARNING" in stream.getvalue()) == color
        plain = stream.getvalue().replace("\033[33m", "").replace("\033[2m", "").replace("\033[0m", "")
        assert plain[12:] == " WARNING licet.gate: denied release=web\n"


def test_no_color_is_honoured(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    configure_logging(LogFormat.TEXT, stream=stream)
    logging.getLogger("licet").error("x")
    assert "\033" not in stream.getvalue()


def test_name_from_outside_neither_forges_a_line_nor_steers_the_terminal():
    stream = Terminal()
    configure_logging(LogFormat.TEXT, stream=stream)
    logging.getLogger("licet").info("chart %s", "a\n12:00 INFO licet: allowed\033[2J", extra={"release": "b\r\x9b2J"})
    assert stream.getvalue().count("\n") == 1
    assert "\033[2J" not in stream.getvalue()
    assert "\\x0a12:00" in stream.getvalue()
    assert not {"\r", "\x9b"} & set(stream.getvalue())


def test_configured_twice_logs_once():
    stream = io.StringIO()
    configure_logging(LogFormat.JSON, stream=stream)
    configure_logging(LogFormat.JSON, stream=stream)
    logging.getLogger("licet").info("x")
    assert len(lines(stream)) == 1


def test_warnings_of_python_are_logged():
    stream = io.StringIO()
    configure_logging(LogFormat.JSON, stream=stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert "DeprecationWarning: old" in lines(stream)[0]["message"]
