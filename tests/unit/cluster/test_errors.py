import json

import pytest

from licet.cluster.errors import ApiError, error_from_answer

TOKEN = "eyJhbGciOiJFZERTQSIsInR5cCI6ImxpY2Vuc2Urand0In0.eyJpc3MiOiJodHRwczovL2EifQ.c2lnbmF0dXJl"


def refused(status, reason, message="no", **more) -> ApiError:
    body = {"kind": "Status", "code": status, "reason": reason, "message": message} | more
    return error_from_answer("PUT /x", status, "whatever", json.dumps(body).encode())


PROPERTIES = [
    "is_unauthorized",
    "is_forbidden",
    "is_not_found",
    "is_already_exists",
    "is_conflict",
    "is_gone",
    "is_invalid",
    "is_unreachable",
]


@pytest.mark.parametrize(
    ("status", "reason", "holds"),
    [
        (401, "Unauthorized", "is_unauthorized"),
        (403, "Forbidden", "is_forbidden"),
        (404, "NotFound", "is_not_found"),
        (409, "AlreadyExists", "is_already_exists"),
        (409, "Conflict", "is_conflict"),
        (410, "Expired", "is_gone"),
        (410, "Gone", "is_gone"),
        (422, "Invalid", "is_invalid"),
        (400, "BadRequest", "is_invalid"),
    ],
)
def test_status_is_told_by_exactly_one_property(status, reason, holds):
    error = refused(status, reason)
    assert [name for name in PROPERTIES if getattr(error, name)] == [holds]


def test_message_names_request_status_reason_and_the_servers_words():
    assert str(refused(403, "Forbidden", "User x cannot y")) == "PUT /x: 403 Forbidden: User x cannot y"


def test_message_of_the_server_is_shown_without_tokens():
    error = refused(422, "Invalid", f'spec.token: Invalid value: "{TOKEN}": too long')
    assert "c2lnbmF0dXJl" not in str(error)
    assert "too long" in str(error)


def test_message_of_the_server_is_bounded():
    assert len(str(refused(422, "Invalid", "x" * 1_000_000))) < 3000


def test_namespace_that_is_being_deleted_is_told_from_missing_permission():
    causes = {"details": {"causes": [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]}}
    assert refused(403, "Forbidden", **causes).is_namespace_terminating
    assert not refused(403, "Forbidden").is_namespace_terminating


@pytest.mark.parametrize(
    "body", [b"", b"<html>bad gateway</html>", b"[]", b'{"code": "x"}', b"\xff", b'{"message": "r\xe9seau"}']
)
def test_answer_that_is_no_status_object_is_told_by_its_status_line(body):
    error = error_from_answer("GET /x", 502, "Bad Gateway", body)
    assert (error.status, error.reason) == (502, "Bad Gateway")


@pytest.mark.parametrize(("header", "seconds"), [("3", 3.0), (None, None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)])
def test_retry_after_is_read_in_seconds(header, seconds):
    assert error_from_answer("GET /x", 429, "", b"", header).retry_after == seconds
