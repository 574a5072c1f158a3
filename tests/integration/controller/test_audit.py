"""What an audit makes of the inventory that the controller keeps."""

from collections.abc import Callable
from typing import Any

import pytest

from support.admission import release_secret
from support.command_line import Answer, licet
from support.controller_site import NAMESPACE, Site, eventually
from support.helm_releases import release_document
from support.workload_objects import of_release, workload

Json = dict[str, Any]

COVERED = ">=2.0.0 <3.0.0"


@pytest.fixture
def audit(site: Site) -> Callable[..., Answer]:
    """Audits the namespace of a vendor whose license covers versions 2 that were released in time."""
    charts = [{"name": site.product, "versions": COVERED}]
    images = [{"repository": f"registry.example/{site.product}/*", "tags": COVERED}]
    site.trust()
    site.license(site.vendor.token(charts=charts, images=images, maintenanceUntil="2030-01-01"))
    config = ("--kubeconfig", site.cluster.kubeconfig, "--operator-namespace", NAMESPACE)
    return lambda *arguments: licet("audit", "-n", site.namespace, *config, *arguments)


def release(site: Site, name: str, version: str, released: str) -> None:
    annotations = {"licet.dev/released": released}
    document = release_document(
        site.product, version, name=name, namespace=site.namespace, annotations=annotations, status="deployed"
    )
    site.cluster.request("POST", f"/api/v1/namespaces/{site.namespace}/secrets", release_secret(document))


def put(site: Site, name: str, tag: str, **metadata: Any) -> None:
    image = f"registry.example/{site.product}/api:{tag}"
    site.put_in(workload("Deployment", name, image, namespace=site.namespace, **metadata))


def test_audit_and_controller_agree_about_whatever_is_installed(site: Site, audit: Callable[..., Answer]) -> None:
    release(site, "good", "2.4.1", "2026-06-30")
    release(site, "late", "2.5.0", "2030-06-30")
    put(site, "of-release", "3.1.0", **of_release("good", site.namespace))
    put(site, "licensed", "2.5.0")
    put(site, "past-the-gate", "3.1.0")
    put(site, "labelled", "2.4.1", labels={"helm.sh/chart": f"{site.product}-3.0.0"})
    licensed = {
        "good": False,
        "late": False,
        "deployment.licensed": True,
        "deployment.past-the-gate": False,
        "deployment.labelled": False,
    }

    def told() -> dict[str, bool]:
        conditions = {
            each["metadata"]["name"]: next(c for c in each["status"]["conditions"] if c["type"] == "Licensed")
            for each in site.all("Installation")
        }
        return {name: condition["status"] == "True" for name, condition in conditions.items()}

    eventually(lambda: told() == licensed)
    eventually(lambda: len(site.get("Installation", "good")["status"]["images"]) == 1)

    answer = audit("-o", "json")
    assert answer.code == 1
    entries = answer.document["entries"]
    assert {each["installation"]["name"] for each in entries} == set(licensed)
    assert not [each for each in entries if each["judged"] not in {each["recorded"], None}]
    found = {
        (each["source"]["kind"], each["source"]["name"], each["version"]) for each in entries if not each["licensed"]
    }
    assert found == {
        ("Release", "good", "3.1.0"),
        ("Release", "late", "2.5.0"),
        ("Deployment", "past-the-gate", "3.1.0"),
        ("Deployment", "labelled", "3.0.0"),
    }
    assert answer.document["notes"] == []
