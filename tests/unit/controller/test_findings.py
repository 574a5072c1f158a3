"""What of a source's workloads needs a license, and has one."""

import pytest

from licet.controller.findings import Finding, find, let_in, needs_license
from licet.controller.workloads import Ref, Workload
from licet.core.namespaces import Namespace
from licet.core.verdict import Ground
from support.assessing import assess_tokens, registry_of
from support.vendor_simulator import NOW, VendorSimulator

API = "registry.example/acme-platform/api"
ACME = VendorSimulator(NOW)
REGISTRY = registry_of(ACME)
LICENSED = assess_tokens(ACME, {"acme-prod": ACME.token(images=[{"repository": "*/api", "tags": "2.x"}])})
DEPLOYMENT, POD = Ref("prod-eu", "Deployment", "web"), Ref("prod-eu", "Pod", "debug")


def having(*images: str, labels: dict[str, str] | None = None, ended: bool = False) -> Workload:
    labelled = frozenset({tuple((labels or {}).items())}) if labels else frozenset()
    return Workload(images=frozenset(images), labels=labelled, ended=ended)


def found(*members: tuple[Ref, Workload]) -> tuple[Finding, ...]:
    return find(members, Namespace, REGISTRY, LICENSED)


def told(*members: tuple[Ref, Workload]) -> list[tuple[str, str, Ground]]:
    return [(each.namespace, each.decision.verdict.subject, each.decision.ground) for each in found(*members)]


def test_what_vendors_claim_is_found_and_nothing_else():
    workload = having(f"{API}:2.4.1", f"{API}:3.0.0", "nginx:1", labels={"helm.sh/chart": "acme-platform-3.0.0"})
    assert told((DEPLOYMENT, workload)) == [
        ("prod-eu", "chart acme-platform 3.0.0", Ground.LICENSED),
        ("prod-eu", f"image {API}:2.4.1", Ground.LICENSED),
        ("prod-eu", f"image {API}:3.0.0", Ground.VERSION_NOT_COVERED),
    ]
    assert [each.licensed for each in found((DEPLOYMENT, workload))] == [True, True, False]


def test_what_several_workloads_have_is_found_once_and_named_after_the_same_one_always():
    members = [(POD, having(f"{API}:3.0.0")), (DEPLOYMENT, having(f"{API}:3.0.0")), (POD, having(f"{API}:3.0.0"))]
    for order in (members, members[::-1]):
        (finding,) = found(*order)
        assert finding.decision.explanation.startswith(
            f'image {API}:3.0.0 (Deployment "web", namespace "prod-eu") is not licensed: license acme-prod'
        )


def test_the_same_image_in_other_words_is_one():
    images = {f"{API}:3.0.0", "Registry.EXAMPLE/acme-platform/api:3.0.0"}
    for order in (sorted(images), sorted(images, reverse=True)):
        (finding,) = found(*((POD, having(image)) for image in order))
        assert finding.decision.verdict.subject == "image Registry.EXAMPLE/acme-platform/api:3.0.0"


def test_each_digest_of_a_tag_is_one_of_its_own():
    digests = [f"{API}:2.4.1", f"{API}:2.4.1@sha256:{'0' * 64}", f"{API}:2.4.1@sha256:{'1' * 64}"]
    assert len(found((DEPLOYMENT, having(*digests)))) == 3


def test_each_namespace_is_judged_for_itself():
    elsewhere = Ref("test", "Deployment", "web")
    assert [each.namespace for each in found((DEPLOYMENT, having(API)), (elsewhere, having(API)))] == [
        "prod-eu",
        "test",
    ]


def test_pod_that_has_ended_has_nothing_any_more():
    assert found((POD, having(f"{API}:3.0.0", ended=True))) == ()


@pytest.mark.parametrize(
    ("workload", "needs"),
    [
        (having("nginx:1", f"{API}:3.0.0"), True),
        (having("nginx:1", labels={"helm.sh/chart": "acme-platform-3.0.0"}), True),
        (having("nginx:1", labels={"licet.dev/product": "acme-platform", "licet.dev/version": "3.0.0"}), True),
        (having("nginx:1", labels={"helm.sh/chart": "nginx-3.0.0"}), False),
        (having(), False),
    ],
)
def test_workload_needs_a_license_if_anything_of_it_is_claimed(workload, needs):
    assert needs_license(workload, REGISTRY) is needs


def test_unlicensed_images_of_a_product_that_was_let_in_tell_so():
    findings = found((DEPLOYMENT, having(f"{API}:2.4.1", f"{API}:3.0.0")))
    grounds = [each.decision.ground for each in let_in(findings, {("acme", "acme-platform")})]
    assert grounds == [Ground.LICENSED, Ground.BREAK_GLASS]
    assert let_in(findings, {("acme", "another")}) == findings
