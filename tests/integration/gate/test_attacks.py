"""Attempts to write a release past the gate, by means that the API server offers."""

import http.client
import json

import pytest

from controlplane import ApiError
from support.admission import release_secret
from support.audit_log import audited
from support.gate_process import kubectl
from support.helm_releases import release_document

REFUSED = "is not licensed"


def unlicensed(site, **changes):
    """A release's Secret, which the gate refuses as it is."""
    document = release_document(site.vendor.product, "3.1.0", namespace=site.namespace)
    return release_secret(document, **changes)


def create(site, obj, query: str = "") -> str:
    """What is said against creating an object; empty when it is created."""
    try:
        site.cluster.request("POST", f"/api/v1/namespaces/{site.namespace}/secrets{query}", obj)
    except ApiError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("type_", ["helm.sh/release.v1", "Opaque"])
def test_name_that_the_api_server_makes_hides_no_release(site, type_):
    site.apply_license()
    obj = unlicensed(site, type=type_)
    obj["metadata"]["generateName"] = f"{obj['metadata'].pop('name')}-"
    assert REFUSED in create(site, obj)


def test_server_side_apply_is_a_creation_like_others(site):
    site.apply_license()
    stdin = json.dumps(unlicensed(site))
    for options in (("apply", "--server-side"), ("apply",), ("create",), ("replace", "--force")):
        answer = kubectl(site.cluster, *options, "-n", site.namespace, "-f-", stdin=stdin, check=False)
        assert answer.returncode != 0
        assert REFUSED in answer.stderr


def test_type_of_a_secret_cannot_be_made_that_of_a_release_later(site):
    site.apply_license()
    name = unlicensed(site)["metadata"]["name"]
    assert create(site, {"metadata": {"name": name}, "type": "Opaque"}) == ""
    path = f"/api/v1/namespaces/{site.namespace}/secrets/{name}"
    with pytest.raises(ApiError) as caught:
        site.cluster.request("PATCH", path, {"type": "helm.sh/release.v1"})
    assert caught.value.status == http.client.UNPROCESSABLE_ENTITY


def test_thousands_of_labels_hide_no_release(site):
    site.apply_license()
    obj = unlicensed(site)
    obj["metadata"]["labels"] |= {f"label-{number}.example/{'x' * 60}": "y" * 63 for number in range(2_000)}
    assert REFUSED in create(site, obj)


def test_decision_stands_in_the_audit_log_with_its_id(site):
    refusal = create(site, unlicensed(site))
    (entry,) = audited(site.cluster, resource="secrets", namespace=site.namespace)
    decision = entry["annotations"]["releases.gate.licet.dev/decision"]
    assert f"[decision {decision}]" in refusal


def test_payload_stands_nowhere_in_the_audit_log(site):
    obj = unlicensed(site)
    create(site, obj)
    assert obj["data"]["release"] not in str(audited(site.cluster, resource="secrets", namespace=site.namespace))
