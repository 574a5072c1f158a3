"""A claimed image is judged however it is written: as container runtimes read a reference, not as it looks."""

import pytest

from licet.core.globs import Glob
from licet.core.images import Mirror
from licet.core.vendors import Product
from support.vendor_simulator import NOW, VendorSimulator
from support.workload_policies import PolicyCluster, image_pod, license_images

PRODUCT = VendorSimulator(NOW).product
DIGEST = f"sha256:{'5' * 64}"
CLAIMED = ("registry.example/acme/*", "docker.io/acme/*", "docker.io/library/acme-db")
MIRRORS = (
    Mirror.of("registry.example/acme", "harbor.bank.example:8443/copies/acme"),
    Mirror.of("registry.example/acme", "[fd00::1]:5000/acme"),
    Mirror.of("docker.io", "hub.bank.example"),
)
SPELLINGS = {
    "plain": "registry.example/acme/api:{}",
    "upper case": "Registry.EXAMPLE/ACME/Api:{}",
    "port": "registry.example:443/acme/api:{}",
    "any port": "REGISTRY.example:5000/acme/api:{}",
    "tag and digest": f"registry.example/acme/api:{{}}@{DIGEST}",
    "leading v": "registry.example/acme/api:v{}",
    "mirror": "harbor.bank.example:8443/copies/acme/api:{}",
    "mirror in upper case": "HARBOR.bank.example:8443/Copies/acme/api:{}",
    "mirror by its IPv6 address": "[fd00::1]:5000/acme/api:{}",
    "mirror by its IPv6 address in upper case, with a digest": f"[FD00::1]:5000/acme/api:{{}}@{DIGEST}",
    "Docker Hub": "docker.io/acme/api:{}",
    "Docker Hub, left out": "acme/api:{}",
    "Docker Hub by its old name": "index.docker.io/acme/api:{}",
    "Docker Hub by the name of its host": "registry-1.docker.io/acme/api:{}",
    "Docker Hub by another name of its host": "registry.hub.docker.com/acme/api:{}",
    "Docker Hub at a port": "Registry-1.docker.io:443/acme/api:{}",
    "Docker Hub at a port, without library": "docker.io:443/acme-db:{}",
    "mirror of Docker Hub at the port of HTTPS": "hub.bank.example:443/acme/api:{}",
    "docker.io/library": "docker.io/library/acme-db:{}",
    "docker.io without library": "docker.io/acme-db:{}",
    "library alone": "library/acme-db:{}",
    "nothing but a name": "acme-db:{}",
    "mirror of Docker Hub": "hub.bank.example/library/acme-db:{}",
}
NO_VERSION = {
    "digest": f"registry.example/acme/api@{DIGEST}",
    "digest on a mirror": f"harbor.bank.example:8443/copies/acme/api@{DIGEST}",
    "no tag": "registry.example/acme/api",
    "a tag that is no version": "registry.example/acme/api:newest",
}


@pytest.fixture(scope="module", autouse=True)
def licensed(policies: PolicyCluster) -> None:
    """All that the vendor has is licensed in versions 2."""
    product = Product(PRODUCT, (), tuple(map(Glob.parse, CLAIMED)))
    images = [{"repository": repository, "tags": "2.x"} for repository in CLAIMED]
    license_images(policies, images, {"products": (product,), "mirrors": MIRRORS})


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spelling_hides_no_image(policies: PolicyCluster, spelling: str) -> None:
    unlicensed = SPELLINGS[spelling].format("3.0.0")
    assert f"licet: image {unlicensed} (" in (policies.refusal("default", image_pod(unlicensed)) or "")
    assert policies.refusal("default", image_pod(SPELLINGS[spelling].format("2.0.0"))) is None


@pytest.mark.parametrize("reference", NO_VERSION.values(), ids=NO_VERSION)
def test_what_tells_no_version_is_refused(policies: PolicyCluster, reference: str) -> None:
    assert f"licet: image {reference} (" in (policies.refusal("default", image_pod(reference)) or "")


def test_a_licensed_tag_is_admitted_whatever_the_digest_beside_it_is_of(policies: PolicyCluster) -> None:
    """Nothing in the cluster knows what a digest holds, nor what a registry gives for a tag."""
    reference = f"registry.example/acme/api:2.0.0@sha256:{'6' * 64}"
    assert policies.refusal("default", image_pod(reference)) is None


@pytest.mark.parametrize("reference", ["10.0.0.1:5000/acme/api:3.0.0", "copies.example/acme/api:3.0.0", "api:3.0.0"])
def test_an_image_from_a_place_that_nobody_claims_is_admitted(policies: PolicyCluster, reference: str) -> None:
    assert policies.refusal("default", image_pod(reference)) is None
