import json
import sys
from contextlib import suppress

import pytest

from licet.gate.review import ReviewError, encode_response, read_review, release_object
from support.admission import encoded, release_config_map, release_secret, review
from support.helm_releases import encode_release, release_document

SECRET = release_secret(release_document())
CONFIG_MAP = release_config_map(release_document())


def changed(**changes):
    return encoded({**review(SECRET), **changes})


def test_review_is_read_as_far_as_it_matters():
    request = read_review(encoded(review(SECRET, dryRun=True)))
    assert (request.uid, request.namespace, request.operation) == (
        "705ab4f5-6393-11e8-b7cc-42010a800002",
        "prod-eu",
        "CREATE",
    )
    assert (request.user_info.username, request.dry_run) == ("jane", True)


@pytest.mark.parametrize("obj", [SECRET, CONFIG_MAP], ids=["Secret", "ConfigMap"])
def test_release_is_found_in_every_kind_of_object_that_helm_keeps_it_in(obj):
    found = release_object(read_review(encoded(review(obj))))
    assert (found.storage, found.format) == (obj["kind"], "helm.sh/release.v1")
    assert (found.name, found.named_in_labels) == ("sh.helm.release.v1.web.v1", "web")
    assert found.payload == encode_release(release_document())


@pytest.mark.parametrize("obj", [SECRET | {"type": "Opaque"}, CONFIG_MAP], ids=["Secret", "ConfigMap"])
@pytest.mark.parametrize(
    "metadata",
    [
        {"name": "sh.helm.release.v1.web.v1"},
        {"name": "x", "labels": {"owner": "helm"}},
        {"name": "sh.helm.release.v1.web.v1", "labels": {"owner": "me"}},
    ],
)
def test_one_mark_by_which_helm_finds_a_release_makes_it_one(obj, metadata):
    found = release_object(read_review(encoded(review(obj | {"metadata": metadata}))))
    assert found.payload == encode_release(release_document())


@pytest.mark.parametrize(
    ("obj", "format_"),
    [
        (SECRET | {"type": "helm.sh/release.v2"}, "helm.sh/release.v2"),
        (CONFIG_MAP | {"metadata": {"name": "sh.helm.release.v2.web.v1"}}, "helm.sh/release.v2"),
        (SECRET | {"type": "Opaque", "metadata": {"name": "sh.helm.release.v1beta1"}}, "helm.sh/release.v1beta1"),
        (CONFIG_MAP | {"metadata": {"name": "any", "labels": {"owner": "helm"}}}, "helm.sh/release.v1"),
    ],
)
def test_type_or_name_tells_the_format(obj, format_):
    assert release_object(read_review(encoded(review(obj)))).format == format_


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'"AdmissionReview"',
        b"[]",
        b"{}",
        encoded(review(SECRET))[:-100],
        encoded(review(SECRET)) + b"{}",
        changed(kind="Secret"),
        changed(apiVersion="admission.k8s.io/v1beta1"),
        changed(apiVersion="admission.k8s.io/v2"),
        changed(request=None),
        changed(request={"uid": "1"}),
        encoded(review(SECRET, uid=1)),
        b'{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": ' + b"[" * 100_000,
    ],
)
def test_anything_but_a_review_of_v1_is_refused(body):
    with pytest.raises(ReviewError, match="not "):
        read_review(body)


def test_review_of_what_is_nested_too_deep_is_refused():
    deep = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(ReviewError, match="not an AdmissionReview that can be read"):
        read_review(encoded(review(SECRET | {"data": "DEEP"})).replace(b'"DEEP"', deep))


def test_object_that_is_nested_as_deep_as_a_review_can_be_is_read_or_refused():
    """The second reading may have less of Python's stack left than the first."""

    def read_deeper(request, frames):
        return read_deeper(request, frames - 1) if frames else release_object(request)

    deepest = sys.getrecursionlimit()
    for levels in range(deepest - 200, deepest):
        deep = b"[" * levels + b"]" * levels
        body = encoded(review(SECRET | {"unknown": "DEEP"})).replace(b'"DEEP"', deep)
        with suppress(ReviewError):
            read_deeper(read_review(body), frames=10)


@pytest.mark.parametrize(
    "changes",
    [
        {"operation": "UPDATE"},
        {"operation": "DELETE", "object": None},
        {"kind": {"group": "", "version": "v1", "kind": "Pod"}},
        {"kind": {"group": "example.com", "version": "v1", "kind": "Secret"}},
        {"object": SECRET | {"type": "Opaque", "data": {"other": "eA=="}}},
        {"object": SECRET | {"type": "helm.sh/plugin.v1", "metadata": {"name": "web"}}},
        {"object": SECRET | {"type": "Opaque", "metadata": {"name": "web", "labels": {"owner": "me"}}}},
        {"object": {"metadata": {}}},
    ],
)
def test_nothing_but_the_creation_of_a_release_is_the_gates_to_judge(changes):
    assert release_object(read_review(encoded(review(SECRET, **changes)))) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"data": {"other": "x"}},
        {"data": None, "binaryData": {"release": "eA=="}},  # where Helm never looks
        {"metadata": {"name": "web", "labels": {"owner": "me", "name": "web"}}},
        {"metadata": {"name": "web"}},
        {"metadata": {"generateName": "sh.helm.release.v1.web.v"}},  # the API server has made a name of it by now
    ],
)
def test_config_map_without_the_marks_of_a_release_is_none_of_the_gates(changes):
    assert release_object(read_review(encoded(review(CONFIG_MAP | changes)))) is None


@pytest.mark.parametrize("object_", [None, [], "x", {}, SECRET | {"data": {"release": "?"}}, SECRET | {"data": []}])
def test_object_that_is_no_secret_is_refused(object_):
    with pytest.raises(ReviewError, match="not a Secret"):
        release_object(read_review(encoded(review(SECRET, object=object_))))


@pytest.mark.parametrize("object_", [None, [], {}, CONFIG_MAP | {"data": {"release": 1}}, CONFIG_MAP | {"data": []}])
def test_object_that_is_no_config_map_is_refused(object_):
    with pytest.raises(ReviewError, match="not a ConfigMap"):
        release_object(read_review(encoded(review(CONFIG_MAP, object=object_))))


def test_errors_show_nothing_of_the_content():
    secret = SECRET | {"data": {"release": "c2VjcmV0!"}}
    with pytest.raises(ReviewError) as caught:
        release_object(read_review(encoded(review(secret))))
    assert "c2VjcmV0" not in str(caught.value)


def test_permission_carries_warnings_and_audit_annotations():
    answer = json.loads(encode_response("u", warnings=["careful"], audit_annotations={"decision": "01J"}))
    assert answer == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {
            "uid": "u",
            "allowed": True,
            "status": None,
            "warnings": ["careful"],
            "auditAnnotations": {"decision": "01J"},
        },
    }


def test_denial_is_a_403_with_its_message():
    response = json.loads(encode_response("u", denial="no"))["response"]
    assert not response["allowed"]
    assert response["status"] == {"code": 403, "reason": "Forbidden", "message": "no", "status": "Failure"}
