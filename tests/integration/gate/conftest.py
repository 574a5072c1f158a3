"""A control plane with the gate on it, as the chart registers it and under the chart's RBAC."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from controlplane import Cluster, ControlPlane
from controlplane.certs import Authority
from support.admission import release_secret
from support.gate_process import NAMESPACE, GateProcess, apply, certificate_secret, create, install, register, until
from support.helm_releases import release_document
from support.vendor_simulator import VendorSimulator


@dataclass
class Site:
    """A cluster, the gate on it, and a vendor of the test's own, so that tests do not meet."""

    cluster: Cluster
    gate: GateProcess
    authority: Authority
    kubeconfig: Path
    vendor: VendorSimulator
    namespace: str

    def apply_vendor(self, **spec: object) -> None:
        apply(self.cluster, self.vendor.vendor_manifest(**spec))

    def apply_license(self, **claims: object) -> None:
        """For versions 2 of the vendor's chart."""
        charts = [{"name": self.vendor.product, "versions": ">=2.0.0 <3.0.0"}]
        token = self.vendor.token(**{"charts": charts, "plan": "pro", **claims})
        apply(self.cluster, self.vendor.license_manifest(self.license, token))

    @property
    def license(self) -> str:
        return f"{self.vendor.name}-prod"

    def install(self, version: str = "2.4.1", *, query: str = "", into: str = "", **release: object):
        """Create the Secret of a release of the vendor's chart, in a namespace; gives the refusal, if it is one."""
        document = {"name": f"r-{secrets.token_hex(4)}", "namespace": self.namespace, **release}
        obj = release_secret(release_document(self.vendor.product, version, **document))
        return create(self.cluster, into or self.namespace, obj, query=query)


@pytest.fixture(scope="package")
def authority() -> Authority:
    return Authority.create("licet-ca")


@pytest.fixture(scope="package")
def cluster() -> Iterator[ControlPlane]:
    """A control plane of this package's own: its tests restart it, and refuse what others may want to write."""
    with ControlPlane() as plane:
        install(plane)
        yield plane


@pytest.fixture(scope="package")
def kubeconfig(cluster, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("gate") / "kubeconfig"
    return cluster.service_account_kubeconfig(NAMESPACE, "licet-gate", path)


@pytest.fixture(scope="package")
def gate(cluster, kubeconfig, authority) -> Iterator[GateProcess]:
    apply(cluster, certificate_secret(authority))
    with GateProcess(kubeconfig, kubeconfig.with_name("gate.log"), "--drain-seconds", "1") as process:
        process.await_ready()
        register(cluster, process.url, authority)
        yield process


@pytest.fixture
def site(cluster, gate, authority, kubeconfig) -> Site:
    """The vendor is trusted; nothing is licensed."""
    name = f"v{secrets.token_hex(4)}"
    vendor = VendorSimulator(int(time.time()), name=name, product=f"{name}-platform")
    namespace = f"ns-{name}"
    apply(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    made = Site(cluster, gate, authority, kubeconfig, vendor, namespace)
    made.apply_vendor()
    # What no Vendor claims of which its watch has told it, the gate admits without another look.
    until(lambda: "is not licensed" in str(made.install(query="?dryRun=All", into="default")))
    return made
