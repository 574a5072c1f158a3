"""What stands in the API server's audit log of that which the policies let in, or were kept from judging."""

import json
from typing import Any

import pytest

from licet.core.reasons import Enforcement
from support.audit_log import audited
from support.gate_process import until
from support.workload_policies import PolicyCluster, image_pod, license_images

REPOSITORY = "registry.example/acme-platform/api"
LICENSED, UNLICENSED = f"{REPOSITORY}:2.0.0", f"{REPOSITORY}:3.0.0"
IMAGES = [{"repository": f"{REPOSITORY}*", "tags": "2.x"}]


def create(policies: PolicyCluster, namespace: str, image: str, *, user: str = "") -> dict[str, Any]:
    """Create a Pod that is admitted; gives what the audit log says of it."""
    answer = policies.send("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All", image_pod(image), user=user)
    assert answer.refusal is None
    return audited(policies.cluster, resource="pods", namespace=namespace)[-1]


@pytest.fixture
def licensed(policies: PolicyCluster) -> None:
    license_images(policies, IMAGES)


def test_a_tag_that_was_judged_in_place_of_its_digest_is_told(policies, licensed, namespace) -> None:
    reference = f"{LICENSED}@sha256:{'6' * 64}"
    entry = create(policies, namespace, reference)
    assert entry["annotations"]["workloads.licet.dev/judged-by-tag"] == reference


def test_who_speaks_for_a_controller_is_told_by_both_names(policies, licensed, namespace) -> None:
    controller = "system:serviceaccount:kube-system:replicaset-controller"
    entry = create(policies, namespace, UNLICENSED, user=controller)
    assert (entry["user"]["username"], entry["impersonatedUser"]["username"]) == ("admin", controller)


@pytest.mark.parametrize("enforcement", [Enforcement.WARN, Enforcement.AUDIT])
def test_what_is_let_in_unlicensed_is_told(policies, namespace, enforcement) -> None:
    license_images(policies, IMAGES, {"enforcement": enforcement})
    entry = create(policies, namespace, UNLICENSED)
    (failure,) = json.loads(entry["annotations"]["validation.policy.admission.k8s.io/validation_failure"])
    assert f"licet: image {UNLICENSED} (" in failure["message"]


def test_who_changes_the_policies_is_told(policies, namespace) -> None:
    name = "enforce.workloads.licet.dev"
    path = f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/{name}"
    # Where a body has options, the API server does not look for them in the query.
    policies.send("DELETE", path, {"apiVersion": "v1", "kind": "DeleteOptions", "dryRun": ["All"]})
    changes = lambda: audited(policies.cluster, resource="validatingadmissionpolicybindings", name=name)  # noqa: E731
    until(lambda: changes()[-1]["verb"] == "delete")
    assert changes()[-1]["user"]["username"] == "admin"
