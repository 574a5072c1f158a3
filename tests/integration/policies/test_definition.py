"""The definition of WorkloadPolicies stays for as long as the API server judges workloads by them."""

from collections.abc import Iterator

import pytest
import yaml

from controlplane import ApiError
from support.gate_process import apply, kubectl, until
from support.workload_policies import POLICIES, PolicyCluster

GUARD = POLICIES.with_name("definition.yaml")
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture
def guarded(policies: PolicyCluster) -> Iterator[None]:
    apply(policies.cluster, *yaml.safe_load_all(GUARD.read_text()))
    until(lambda: refusal(policies) is not None)
    yield
    kubectl(policies.cluster, "delete", "-f", str(GUARD), "--ignore-not-found")
    until(lambda: refusal(policies) is None)


def refusal(policies: PolicyCluster, path: str = "/workloadpolicies.licet.dev") -> str | None:
    """What is said against a deletion, which does not happen."""
    try:
        policies.cluster.request("DELETE", f"{DEFINITIONS}{path}?dryRun=All")
    except ApiError as error:
        return str(error)
    return None


@pytest.mark.usefixtures("guarded")
@pytest.mark.parametrize("path", ["/workloadpolicies.licet.dev", ""], ids=["alone", "with all others"])
def test_it_cannot_be_deleted_and_the_refusal_says_what_to_do(policies: PolicyCluster, path: str) -> None:
    """Else an API server that starts would refuse all workloads."""
    said = refusal(policies, path) or ""
    assert "licet: without this definition the API server would refuse all workloads" in said
    assert "Uninstall the chart of licet first, or upgrade it with workloadPolicies.enabled=false." in said


@pytest.mark.usefixtures("guarded")
def test_it_can_be_changed_and_others_can_be_deleted(policies: PolicyCluster) -> None:
    policies.cluster.request("PATCH", f"{DEFINITIONS}/workloadpolicies.licet.dev", {"metadata": {"labels": {"a": "b"}}})
    names = {"plural": "things", "singular": "thing", "kind": "Thing"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    spec = {"group": "licet.test", "scope": "Cluster", "names": names, "versions": [version]}
    policies.cluster.request("POST", DEFINITIONS, {"metadata": {"name": "things.licet.test"}, "spec": spec})
    policies.cluster.request("DELETE", f"{DEFINITIONS}/things.licet.test")


@pytest.mark.usefixtures("guarded")
def test_it_can_be_deleted_once_the_chart_is_uninstalled(policies: PolicyCluster) -> None:
    kubectl(policies.cluster, "delete", "-f", str(GUARD))
    until(lambda: refusal(policies) is None)


def test_the_api_server_is_of_the_kubernetes_that_was_asked_for(policies: PolicyCluster, kubernetes: str) -> None:
    """Or what is proved here would be proved of another one."""
    version = policies.cluster.request("GET", "/version")
    assert f"{version['major']}.{version['minor']}" == kubernetes
    assert version["gitVersion"].startswith(f"v{kubernetes}.")
