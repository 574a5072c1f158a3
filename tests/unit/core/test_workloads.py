"""The verdict about images and chart labels of workloads."""

import pytest

from licet.core.images import ImageReference, Mirror
from licet.core.licenses import Assessment, assess
from licet.core.memory import Memory
from licet.core.namespaces import Namespace, NamespaceScope
from licet.core.vendors import VendorRegistry
from licet.core.workloads import PastWorkloads, WorkloadVerdict, judge_images, judge_labels
from support.assessing import candidates_of
from support.vendor_simulator import ABSENT, DAY, NOW, VendorSimulator

REPOSITORY = "registry.example/acme-platform/api"
DIGEST = f"sha256:{'0' * 64}"
PROD, TEST = Namespace("prod-eu"), Namespace("test")
NOTHING = PastWorkloads()
IMAGES = [{"repository": "registry.example/acme-platform/*", "tags": ">=2.0.0 <3.0.0 || stable", "channels": ["rc"]}]
CHARTS = [{"name": "acme-*", "versions": ">=2.0.0 <3.0.0"}]


class Site:
    """A vendor with one license, at a time."""

    def __init__(self, *, clock: int = NOW, scope: NamespaceScope | None = None, **claims: object) -> None:
        vendor = VendorSimulator(NOW)
        self.registry = VendorRegistry([vendor.vendor(mirrors=(Mirror.of("registry.example", "harbor.bank/x"),))])
        token = vendor.token(**{"images": IMAGES, "charts": CHARTS, **claims})
        scopes = {"acme-prod": scope} if scope else None
        candidates = candidates_of(self.registry, {"acme-prod": token}, scopes)
        self.assessment: Assessment = assess(candidates, self.registry, Memory(), clock)

    def image(
        self, image: str, *, namespace: Namespace = PROD, past: PastWorkloads = NOTHING
    ) -> WorkloadVerdict | None:
        verdicts = judge_images([image], namespace, self.registry, self.assessment, past)
        return verdicts[0] if verdicts else None

    def permits(self, image: str, **where: object) -> bool:
        verdict = self.image(image, **where)
        return verdict is None or verdict.permitted

    def charts(self, past: PastWorkloads = NOTHING, **labels: str) -> dict[str, bool]:
        keys = {"chart": "helm.sh/chart", "product": "licet.dev/product", "version": "licet.dev/version"}
        named = {keys[name]: value for name, value in labels.items()}
        verdicts = judge_labels(named, PROD, self.registry, self.assessment, past)
        return {verdict.subject: verdict.permitted for verdict in verdicts}


def test_an_image_that_nobody_claims_needs_no_license():
    assert Site().image("nginx:1.27") is None


@pytest.mark.parametrize(
    ("image", "permitted"),
    [
        (f"{REPOSITORY}:2.4.1", True),
        (f"{REPOSITORY}:v2.4", True),
        (f"{REPOSITORY}:3.0.0", False),
        (f"{REPOSITORY}:2.0.0-rc.1", True),
        (f"{REPOSITORY}:3.0.0-rc.1", False),
        (f"{REPOSITORY}:stable", True),
        (REPOSITORY, False),
        (f"{REPOSITORY}@{DIGEST}", False),
        (f"{REPOSITORY}:2.4.1@{DIGEST}", True),
        ("Registry.EXAMPLE/Acme-Platform/api:3.0.0", False),
        ("registry.example:443/acme-platform/api:3.0.0", False),
        ("harbor.bank/x/acme-platform/api:3.0.0", False),
        ("harbor.bank/x/acme-platform/api:2.4.1", True),
    ],
)
def test_a_claimed_image_is_judged_by_its_tag_under_every_name(image, permitted):
    verdict = Site().image(image)
    assert verdict is not None
    assert verdict.permitted is permitted


def test_a_tag_beside_a_digest_is_flagged():
    assert Site().image(f"{REPOSITORY}:2.4.1@{DIGEST}").ignores_digest
    assert not Site().image(f"{REPOSITORY}:2.4.1").ignores_digest
    assert not Site().image(f"{REPOSITORY}@{DIGEST}").ignores_digest


def test_every_tag_covers_a_bare_digest():
    images = [{"repository": "registry.example/acme-platform/*", "tags": "*"}]
    assert Site(images=images).permits(f"{REPOSITORY}@{DIGEST}")


def test_an_image_grant_in_capitals_is_of_the_same_repository():
    images = [{"repository": "Registry.Example/ACME-platform/*", "tags": "2.x"}]
    assert Site(images=images).permits(f"{REPOSITORY}:2.4.1")


def test_a_grant_without_images_covers_all_of_the_product_and_an_empty_list_none():
    assert Site(images=ABSENT).permits(f"{REPOSITORY}:9@{DIGEST}")
    assert not Site(images=[]).permits(f"{REPOSITORY}:2.4.1")


@pytest.mark.parametrize(("days", "permitted"), [(0, True), (366, True), (380, False)])
def test_a_license_covers_until_its_grace_period_ends(days, permitted):
    assert Site(clock=NOW + days * DAY, gracePeriod="P10D").permits(f"{REPOSITORY}:2.4.1") is permitted


def test_a_license_covers_where_it_is_allowed():
    site = Site(scope=NamespaceScope(frozenset({"prod-eu"})))
    assert site.permits(f"{REPOSITORY}:2.4.1", namespace=PROD)
    assert not site.permits(f"{REPOSITORY}:2.4.1", namespace=TEST)


def test_what_ran_here_licensed_may_come_back_under_any_spelling_of_its_name():
    past = PastWorkloads(images=frozenset({ImageReference.parse(f"{REPOSITORY}:9.9.9").canonical}))
    site = Site()
    assert site.image(f"Registry.example/acme-platform/api:9.9.9@{DIGEST}", past=past).ran_here
    assert not site.permits(f"{REPOSITORY}:9.9.8", past=past)
    assert not site.permits(f"{REPOSITORY}:9.9.9")


def test_a_verdict_names_the_license():
    assert Site().image(f"{REPOSITORY}:2.4.1").license == "acme-prod"
    assert Site().image(f"{REPOSITORY}:3.0.0").license is None


@pytest.mark.parametrize(
    ("labels", "verdicts"),
    [
        ({"chart": "acme-platform-2.4.1"}, {"chart acme-platform 2.4.1": True}),
        ({"chart": "acme-platform-3.0.0"}, {"chart acme-platform 3.0.0": False}),
        ({"chart": "acme-platform-2.4.1_build.7"}, {"chart acme-platform 2.4.1+build.7": True}),
        ({"chart": "acme-platform"}, {}),
        ({"chart": "web-3.0.0"}, {}),
        ({"product": "acme-platform", "version": "3.0.0"}, {"chart acme-platform 3.0.0": False}),
        ({"product": "acme-platform"}, {}),
        ({"product": "other", "version": "3.0.0"}, {}),
        (
            {"chart": "acme-platform-api-2.4.1", "product": "acme-platform", "version": "3.0.0"},
            {"chart acme-platform-api 2.4.1": True},
        ),
        (
            {"chart": "web-1.0.0", "product": "acme-platform", "version": "3.0.0"},
            {"chart acme-platform 3.0.0": False},
        ),
    ],
)
def test_labels_are_judged_where_they_name_a_protected_chart_and_its_version(labels, verdicts):
    assert Site().charts(**labels) == verdicts


def test_a_label_that_was_cut_off_tells_no_version():
    assert Site().charts(chart=f"acme-platform-3.0.0-{'x' * 50}"[:63]) == {}


def test_charts_that_ran_here_licensed_may_come_back():
    past = PastWorkloads(charts=frozenset({("acme-platform", "3.0.0")}))
    assert Site().charts(past, chart="acme-platform-3.0.0") == {"chart acme-platform 3.0.0": True}
