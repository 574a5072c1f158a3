"""What judging costs: the API server ends what is too dear, and refuses it, for it can't know what it did not see."""

import http.client

import pytest

from licet.core.globs import Glob
from licet.core.licenses import assess
from licet.core.memory import Memory
from licet.core.vendors import Product, VendorRegistry
from support.assessing import candidates_of
from support.vendor_simulator import NOW, YEAR, VendorSimulator
from support.workload_policies import PolicyCluster, image_pod

SERVICES = 32
LICENSES = 8
COVERED, UNCOVERED = "9.2.1", "9.3.0"


@pytest.fixture(scope="module", autouse=True)
def large_vendor(policies: PolicyCluster) -> None:
    """Dozens of patterns, and several licenses with a range for each, of which the last alternative is the one."""
    vendor = VendorSimulator(NOW)
    repositories = [f"registry.example/acme-platform/service-{number}" for number in range(SERVICES)]
    globs = tuple(Glob.parse(f"{repository}*") for repository in repositories)
    registry = VendorRegistry([vendor.vendor(products=(Product(vendor.product, (), globs),))])
    versions = " || ".join(f"{major}.2.x" for major in range(10))
    tokens = {}
    for number in range(LICENSES):  # each grants something else, or they would be one to the policies
        entry = {"tags": f"special-{number} || {versions}", "channels": ["rc"]}
        images = [{"repository": f"{repository}*", **entry} for repository in repositories]
        tokens[f"license-{number}"] = vendor.token(images=images, exp=NOW + 50 * YEAR)
    policies.publish(registry, assess(candidates_of(registry, tokens), registry, Memory(), NOW))


def images(count: int, tag: str = COVERED) -> list[str]:
    return [f"registry.example/acme-platform/service-{number % SERVICES}-x:{tag}" for number in range(count)]


def test_a_large_workload_of_a_large_vendor_is_judged(policies: PolicyCluster) -> None:
    assert policies.refusal("default", image_pod(*images(40))) is None
    refusal = policies.refusal("default", image_pod(*images(39), *images(1, UNCOVERED)))
    assert refusal is not None
    assert f"{images(1, UNCOVERED)[0]} " in refusal


def test_hundreds_of_images_that_nobody_claims_are_free(policies: PolicyCluster) -> None:
    assert policies.refusal("default", image_pod(*(f"nginx:{number}" for number in range(500)))) is None


def test_what_is_too_dear_to_judge_is_refused(policies: PolicyCluster) -> None:
    """So that hundreds of images can't hide one."""
    pod = image_pod(*images(400, UNCOVERED))
    answer = policies.send("POST", "/api/v1/namespaces/default/pods?dryRun=All", pod)
    assert answer.status == http.client.UNPROCESSABLE_ENTITY
    assert "cost limit exceeded" in answer.body["message"]
