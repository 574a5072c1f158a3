"""What is said of images and charts of workloads, and what becomes of them."""

import pytest

from licet.core.licenses import assess
from licet.core.memory import Memory
from licet.core.namespaces import Namespace, NamespaceScope
from licet.core.reasons import Enforcement
from licet.core.vendors import VendorRegistry
from licet.core.verdict import Ground, Result
from licet.core.workload_reasons import WorkloadDecision, explain
from licet.core.workloads import PastWorkloads, judge_images, judge_labels
from support.assessing import candidates_of
from support.vendor_simulator import ABSENT, DAY, NOW, VendorSimulator

IMAGE = "registry.example/acme-platform/api"
RANGE = ">=2.0.0 <3.0.0"
IMAGES = [{"repository": "registry.example/acme-platform/*", "tags": RANGE, "channels": ["rc"]}]
CHARTS = [{"name": "acme-platform", "versions": RANGE}]
PROD = Namespace("prod-eu")
WHERE = 'Deployment "web", namespace "prod-eu"'


def decide(
    *,
    image: str = "",
    chart: str = "",
    clock: int = NOW,
    past: PastWorkloads | None = None,
    scope: NamespaceScope | None = None,
    enforcement: Enforcement = Enforcement.ENFORCE,
    **claims: object,
) -> WorkloadDecision:
    """Judge an image or chart by one license, and explain that."""
    acme = VendorSimulator(NOW)
    registry = VendorRegistry([acme.vendor(enforcement=enforcement)])
    token = acme.token(**{"images": IMAGES, "charts": CHARTS, **claims})
    scopes = {"acme-prod": scope} if scope else None
    assessment = assess(candidates_of(registry, {"acme-prod": token}, scopes), registry, Memory(), clock)
    judged = PROD, registry, assessment, past or PastWorkloads()
    verdicts = judge_images([image], *judged) if image else judge_labels({"helm.sh/chart": chart}, *judged)
    return explain(verdicts[0], WHERE, PROD, registry, assessment)


def test_what_is_licensed_needs_no_words():
    decision = decide(image=f"{IMAGE}:2.4.1")
    assert (decision.result, decision.ground, decision.explanation) == (Result.ALLOWED, Ground.LICENSED, "")


@pytest.mark.parametrize(
    ("asked", "claims", "ground", "words"),
    [
        (
            {"image": f"{IMAGE}:3.1.0"},
            {"plan": "pro"},
            Ground.VERSION_NOT_COVERED,
            f"{WHERE}) is not licensed: license acme-prod (plan pro) covers {RANGE} and the pre-releases of these in",
        ),
        (
            {"image": f"{IMAGE}:2.4.1"},
            {"images": [{"repository": "registry.example/other"}]},
            Ground.IMAGE_NOT_COVERED,
            f"does not cover this repository. Apply a license that covers image {IMAGE}:2.4.1.",
        ),
        (
            {"chart": "acme-platform-3.1.0"},
            {},
            Ground.VERSION_NOT_COVERED,
            f"chart acme-platform 3.1.0 ({WHERE}) is not licensed: license acme-prod covers {RANGE}. Deploy a covered",
        ),
        (
            {"chart": "acme-platform-2.4.1"},
            {"charts": [{"name": "acme-edge"}]},
            Ground.CHART_NOT_COVERED,
            f"chart acme-platform 2.4.1 ({WHERE}) is not licensed: license acme-prod does not cover this chart. Apply",
        ),
        (
            {"image": f"{IMAGE}:2.4.1"},
            {"nbf": NOW + DAY},
            Ground.LICENSE_NOT_YET_VALID,
            "license acme-prod becomes valid at 2026-01-02T00:00:00Z. Apply a license of vendor acme that is valid",
        ),
    ],
)
def test_what_is_not_licensed_says_why_and_what_to_do(asked, claims, ground, words):
    decision = decide(**asked, **claims)
    assert (decision.result, decision.ground) == (Result.DENIED, ground)
    assert words in decision.explanation


def test_license_that_is_not_for_the_namespace_is_not_named():
    decision = decide(image=f"{IMAGE}:2.4.1", scope=NamespaceScope(frozenset({"secret-project"})))
    assert decision.ground is Ground.NO_LICENSE
    assert "acme-prod" not in decision.explanation


def test_license_in_grace_says_until_when():
    decision = decide(image=f"{IMAGE}:2.4.1", clock=NOW + 366 * DAY, gracePeriod="P14D")
    assert (decision.result, decision.ground) == (Result.ALLOWED, Ground.IN_GRACE)
    assert "is licensed until 2027-01-15T00:00:00Z only, since license acme-prod expired" in decision.explanation


def test_what_ran_licensed_is_admitted_and_said_to_be_licensed_no_more():
    past = PastWorkloads(images=frozenset({f"{IMAGE}:1.0.0"}))
    decision = decide(image=f"{IMAGE}:1.0.0", past=past)
    assert (decision.result, decision.ground) == (Result.ALLOWED, Ground.RAN_LICENSED)
    assert "is not licensed any more: license acme-prod covers" in decision.explanation
    assert "It is admitted because it ran licensed here." in decision.explanation


@pytest.mark.parametrize(
    ("enforcement", "result"), [(Enforcement.WARN, Result.WARNED), (Enforcement.AUDIT, Result.AUDITED)]
)
def test_vendor_says_what_becomes_of_what_is_not_licensed(enforcement, result):
    assert (
        decide(image=f"{IMAGE}:3.1.0", enforcement=enforcement, images=ABSENT, charts=CHARTS).result is Result.ALLOWED
    )
    assert decide(image=f"{IMAGE}:3.1.0", enforcement=enforcement).result is result
