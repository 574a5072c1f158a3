"""What an audit makes of Installations, and of licenses that are verified at the same time."""

from typing import Any

import pytest

from licet.cli.audit import finding_lines
from licet.cli.inventory import Entry, ItemType, Total, Verified, list_entries, totals
from licet.core.namespaces import Namespace
from licet.core.timestamps import format_instant
from licet.resources import Installation
from support.assessing import assess_tokens, registry_of
from support.vendor_simulator import ABSENT, DAY, NOW, VendorSimulator

REPOSITORY = "registry.example/acme-platform/api"
COVERED = {
    "charts": [{"name": "acme-platform", "versions": ">=2.0.0 <3.0.0"}],
    "images": [{"repository": "registry.example/acme-platform/*", "tags": ">=2.0.0 <3.0.0"}],
}
CLAIMED = {"vendor": "acme", "product": "acme-platform"}

Json = dict[str, Any]


@pytest.fixture
def acme() -> VendorSimulator:
    return VendorSimulator()


def verified(acme: VendorSimulator, *, clock: int = NOW, **claims: object) -> Verified:
    """Licenses as they hold now: one, for versions 2."""
    assessment = assess_tokens(acme, {"acme-prod": acme.token(**{**COVERED, **claims})}, clock=clock)
    return Verified(registry_of(acme), assessment, {"prod-eu": Namespace("prod-eu")})


def chart(version: str = "2.4.1", license_: str | None = "acme-prod") -> Json:
    return {"name": "acme-platform", "version": version, **CLAIMED, "license": license_}


def image(tag: str | None = "2.4.1", license_: str | None = "acme-prod", **members: object) -> Json:
    return {"repository": REPOSITORY, "tag": tag, **CLAIMED, "license": license_, **members}


def installation(*items: Json, kind: str = "Release", licensed: bool = True, **status: object) -> Installation:
    condition = {
        "type": "Licensed",
        "status": str(licensed),
        "reason": "Licensed" if licensed else "NoLicense",
        "message": "licenses cover all" if licensed else "it is not licensed. Apply a license.",
        "lastTransitionTime": format_instant(NOW - DAY),
    }
    return Installation.model_validate(
        {
            "metadata": {"namespace": "prod-eu", "name": "web"},
            "status": {
                "source": {"kind": kind, "name": "web"},
                "charts": [item for item in items if "name" in item],
                "images": [item for item in items if "repository" in item],
                "firstSeen": format_instant(NOW - 2 * DAY),
                "conditions": [condition],
                **status,
            },
        }
    )


def only(installation_: Installation, by: Verified | None) -> Entry:
    (entry,) = list_entries([installation_], by)
    return entry


@pytest.mark.parametrize("kind", ["Release", "HelmRelease", "Application", "Deployment"])
@pytest.mark.parametrize("item", [chart(), image(), image(digest=f"sha256:{'0' * 64}")])
def test_what_controller_and_licenses_call_licensed_is(acme: VendorSimulator, kind: str, item: Json) -> None:
    entry = only(installation(item, kind=kind), verified(acme))
    assert (entry.licensed, entry.recorded, entry.judged, entry.differs) == (True, True, True, False)
    assert (entry.reason, entry.license, entry.since) == ("Licensed", "acme-prod", None)
    assert (entry.source, entry.first_seen) == ((kind, "prod-eu", "web"), NOW - 2 * DAY)


@pytest.mark.parametrize(
    ("item", "kind", "words"),
    [
        (chart("3.1.0", None), "Release", 'chart acme-platform 3.1.0 (release "web", namespace "prod-eu") is not lice'),
        (
            chart("3.1.0", None),
            "Deployment",
            'chart acme-platform 3.1.0 (Deployment "web", namespace "prod-eu") is not',
        ),
        (image("3.1.0", None), "Release", f'image {REPOSITORY}:3.1.0 (Release "web", namespace "prod-eu") is not lic'),
    ],
)
def test_what_is_not_licensed_has_reason_time_and_remedy(
    acme: VendorSimulator, item: Json, kind: str, words: str
) -> None:
    entry = only(installation(item, kind=kind, licensed=False), verified(acme))
    assert (entry.licensed, entry.differs, entry.license) == (False, False, None)
    assert (entry.reason, entry.since) == ("VersionNotCovered", NOW - DAY)
    assert words in entry.message
    assert "apply a license that covers" in entry.message


@pytest.mark.parametrize("item", [chart(), image()])
def test_license_that_ended_is_seen_while_the_controller_does_not_see_it(acme: VendorSimulator, item: Json) -> None:
    entry = only(installation(item), verified(acme, clock=NOW + 366 * DAY))
    assert (entry.licensed, entry.recorded, entry.judged, entry.differs) == (False, True, False, True)
    assert (entry.reason, entry.license, entry.since) == ("LicenseExpired", None, None)
    assert entry.message.endswith("The controller still has it as licensed by acme-prod.")


@pytest.mark.parametrize("item", [chart(license_=None), image(license_=None)])
def test_license_that_the_controller_has_not_seen_makes_nothing_licensed_yet(acme: VendorSimulator, item: Json) -> None:
    entry = only(installation(item, licensed=False), verified(acme))
    assert (entry.licensed, entry.recorded, entry.judged, entry.differs) == (False, False, True, True)
    assert entry.reason == "NoLicense"
    assert entry.message.endswith("The controller is behind: it may run by License acme-prod now.")


@pytest.mark.parametrize(("license_", "licensed"), [("acme-prod", True), (None, False)])
def test_end_of_maintenance_is_the_controllers_to_judge(
    acme: VendorSimulator, license_: str | None, licensed: bool
) -> None:
    by = verified(acme, charts=ABSENT, maintenanceUntil="2026-06-30")
    entry = only(installation(chart(license_=license_), licensed=licensed), by)
    assert (entry.licensed, entry.judged) == (licensed, None)


def test_without_verified_licenses_the_controllers_word_is_given(acme: VendorSimulator) -> None:
    entry = only(installation(chart()), None)
    assert (entry.licensed, entry.judged, entry.license) == (True, None, "acme-prod")
    entry = only(installation(chart(license_=None), licensed=False), None)
    assert (entry.licensed, entry.reason) == (False, "NoLicense")
    assert entry.message == "it is not licensed. Apply a license."


def test_without_verified_licenses_the_grace_period_is_told(acme: VendorSimulator) -> None:
    status = installation(chart()).status
    assert status is not None
    graced = status.conditions[0].model_copy(update={"reason": "InGrace", "message": "until tomorrow"})
    entry = only(installation(chart(), conditions=[graced.as_json()]), None)
    assert (entry.licensed, entry.reason, entry.message) == (True, "InGrace", "until tomorrow")
    mixed = list(list_entries([installation(chart(), image("3.1.0", None), licensed=False)], None))
    assert [(entry.licensed, entry.reason) for entry in mixed] == [(True, "Licensed"), (False, "NoLicense")]


def test_what_nobody_claims_any_more_is_the_controllers_to_take_off_the_list(acme: VendorSimulator) -> None:
    other = verified(VendorSimulator(name="globex", product="shop"))
    entry = only(installation(chart(license_=None), licensed=False), other)
    assert (entry.licensed, entry.judged, entry.differs) == (False, True, True)
    assert "it may run without a License now" in entry.message


def test_image_is_judged_where_it_runs(acme: VendorSimulator) -> None:
    narrowed = verified(acme, bindings={"namespaces": ["prod-*"]})
    assert only(installation(image()), narrowed).licensed
    elsewhere = only(installation(image(namespace="dev")), narrowed)
    assert (elsewhere.namespace, elsewhere.installation, elsewhere.licensed) == ("dev", ("prod-eu", "web"), False)


def test_installation_that_is_not_licensed_and_lists_nothing_is_a_finding(acme: VendorSimulator) -> None:
    entry = only(installation(licensed=False), verified(acme))
    assert (entry.type, entry.licensed, entry.reason) == (ItemType.INSTALLATION, False, "NoLicense")
    assert list(list_entries([installation()], verified(acme))) == []


def test_installation_without_a_status_is_no_entry(acme: VendorSimulator) -> None:
    bare = Installation.model_validate({"metadata": {"namespace": "prod-eu", "name": "web"}})
    assert list(list_entries([bare], verified(acme))) == []


def test_totals_count_by_vendor_product_and_license(acme: VendorSimulator) -> None:
    installations = [installation(chart(), image(), image("2.5.0")), installation(image("3.1.0", None), licensed=False)]
    assert totals(list_entries(installations, verified(acme))) == (
        Total("acme", "acme-platform", None, installations=1, charts=0, images=1, findings=1),
        Total("acme", "acme-platform", "acme-prod", installations=1, charts=1, images=2, findings=0),
    )


def test_what_came_in_by_a_break_glass_is_told_so(acme: VendorSimulator) -> None:
    condition = {"type": "Licensed", "status": "False", "reason": "BreakGlass", "message": "let in by BreakGlass web-1"}
    found = installation(chart("3.1.0", None), conditions=[condition | {"lastTransitionTime": format_instant(NOW)}])
    entry = only(found, verified(acme))
    assert (entry.licensed, entry.reason, entry.message) == (False, "BreakGlass", "let in by BreakGlass web-1")
    entry = only(found, verified(acme, charts=[{"name": "acme-platform", "versions": "3.x"}]))
    assert entry.message.endswith("it may run by License acme-prod now.")


def test_same_finding_about_several_items_of_an_installation_is_told_once() -> None:
    found = installation(chart("3.1.0", None), image("3.1.0", None), licensed=False)
    since = format_instant(NOW - DAY)
    assert finding_lines(list_entries([found], None)) == [
        f"Installation prod-eu/web (NoLicense, since {since}): it is not licensed. Apply a license."
    ]
