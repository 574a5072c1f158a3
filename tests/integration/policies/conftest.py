"""A control plane whose API server judges workloads; nothing of licet runs."""

import contextlib
import secrets
from collections.abc import Iterator

import pytest

from controlplane import ControlPlane, kubernetes_versions
from support.workload_policies import PolicyCluster


@pytest.fixture(scope="package")
def policies(kubernetes: str) -> Iterator[PolicyCluster]:
    """A control plane of this package's own: what it refuses, others may want to write."""
    with ControlPlane(kubernetes=kubernetes) as plane, contextlib.closing(PolicyCluster(plane)) as made:
        made.install()
        yield made


@pytest.fixture
def newest_kubernetes(kubernetes: str) -> None:
    """For tests of what the oldest Kubernetes does not serve."""
    if kubernetes != kubernetes_versions()[-1]:
        pytest.skip(f"Kubernetes {kubernetes} does not serve it")


@pytest.fixture
def namespace(policies: PolicyCluster) -> Iterator[str]:
    """A namespace in which Pods can be made."""
    name = f"test-{secrets.token_hex(4)}"
    policies.cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    policies.await_default_account(name)
    yield name
    policies.cluster.request("DELETE", f"/api/v1/namespaces/{name}")
