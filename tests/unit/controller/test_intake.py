import logging
from typing import Any

import pytest

from licet.cluster.resource import ENTITLEMENTS, INSTALLATIONS, LICENSES, VENDORS
from licet.controller.observed import Written
from licet.controller.queue import Item, Kind
from licet.controller.releases import Revision
from licet.core.release import Storage
from support.known_world import KnownWorld, entitlement_manifest, license_manifest
from support.vendor_simulator import VendorSimulator

ASSESSMENT = Item(Kind.ASSESSMENT)
STATUS = {"conditions": [], "observedGeneration": 1}
FROM_SECRET = {"tokenFrom": {"secretKeyRef": {"name": "acme-license", "key": "license.jwt"}}}
LICENSE = license_manifest("acme-prod", token="x")


def newer(obj: dict[str, Any], **members: Any) -> dict[str, Any]:
    """The same object as it is later, with these members, and those of its metadata, changed."""
    version = int(obj["metadata"]["resourceVersion"]) + 100
    metadata = {**obj["metadata"], **members.pop("metadata", {}), "resourceVersion": str(version)}
    return {**obj, **members, "metadata": metadata}


MANIFESTS = pytest.mark.parametrize(
    ("resource", "manifest"),
    [
        (VENDORS, VendorSimulator(name="globex", product="globex-db").vendor_manifest()),
        (LICENSES, LICENSE),
        (LICENSES, license_manifest("acme-prod", **FROM_SECRET)),
        (ENTITLEMENTS, entitlement_manifest()),
        (INSTALLATIONS, {"metadata": {"namespace": "prod-eu", "name": "platform"}}),
    ],
    ids=["vendor", "license", "license-from", "entitlement", "installation"],
)


# -- what is enqueued --------------------------------------------------------------------------------------------------


@MANIFESTS
def test_new_object_has_its_status_reconciled(known, resource, manifest):
    known.take(resource, manifest)
    kind = Kind(resource.plural.removesuffix("s"))
    namespace, name = manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]
    assert Item(kind, namespace, name) in known.asked_for()


@MANIFESTS
def test_echo_of_a_status_that_was_written_enqueues_nothing(known, resource, manifest):
    obj = known.take(resource, manifest)
    key = manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]
    echo = newer(obj, status=STATUS)
    observed = known.world.observed[resource]
    observed[key] = observed[key].with_status(echo["status"], version=int(echo["metadata"]["resourceVersion"]))
    known.asked.clear()
    known.intake.take(resource, echo)
    assert known.asked_for() == []


@MANIFESTS
def test_status_that_somebody_else_wrote_has_it_reconciled(known, resource, manifest):
    obj = known.take(resource, manifest)
    known.asked.clear()
    known.intake.take(resource, newer(obj, status=STATUS))
    assert [item.name for item in known.asked_for()] == [manifest["metadata"]["name"]]


@MANIFESTS
def test_change_of_metadata_that_means_nothing_enqueues_nothing(known, resource, manifest):
    obj = known.take(resource, manifest)
    known.asked.clear()
    known.intake.take(resource, newer(obj, metadata={"annotations": {"note": "ours"}}))
    assert known.asked_for() == []


def test_vendor_has_all_licenses_judged_and_its_rivals_and_entitlements_looked_at(known):
    known.entitle("later", vendorRef={"name": "globex"}, product="globex-db")
    known.entitle("platform")
    known.asked.clear()
    known.take(VENDORS, VendorSimulator(name="globex", product="globex-db").vendor_manifest())
    assert set(known.asked_for()) == {
        ASSESSMENT,
        Item(Kind.INVENTORY),
        Item(Kind.VENDOR, name="acme"),
        Item(Kind.VENDOR, name="globex"),
        Item(Kind.ENTITLEMENT, "prod-eu", "later"),
    }


def test_releases_are_looked_at_again_when_a_vendor_claims_something_else_and_only_then(known, acme):
    revision = Revision(Storage.SECRET, "web.v1", "u-1", "web", 1, "deployed")
    known.world.releases.set("prod-eu", None, revision)
    known.world.subjects["prod-eu", "web"] = {"u-1": ()}
    known.take(VENDORS, acme.vendor_manifest(enforcement="Warn"), generation=2)
    assert Item(Kind.INSTALLATION, "prod-eu", "web") not in known.asked_for()
    known.take(VENDORS, acme.vendor_manifest(products=[{"name": "web", "charts": ["web"]}]), generation=3)
    assert Item(Kind.INSTALLATION, "prod-eu", "web") in known.asked_for()
    assert known.world.subjects == {}


def test_releases_are_looked_at_again_when_the_vendor_that_came_first_comes_anew(known, acme):
    """Of those that claim one chart, the one created first has it."""
    known.take(VENDORS, VendorSimulator(name="globex").vendor_manifest(), creationTimestamp="2026-02-01T00:00:00Z")
    known.world.subjects["prod-eu", "web"] = {"u-1": ()}
    known.take(VENDORS, acme.vendor_manifest(), uid="another", creationTimestamp="2026-03-01T00:00:00Z")
    assert known.world.subjects == {}


def test_license_with_its_token_is_judged_at_once(known):
    known.license("acme-prod", "x")
    assert known.asked_for() == [ASSESSMENT, Item(Kind.LICENSE, name="acme-prod")]
    assert "acme-prod" in known.world.ledger.licenses


def test_license_that_refers_to_a_secret_is_judged_once_that_was_read_and_not_before(known, acme):
    known.license("acme-prod", acme.token())
    known.assess()
    known.asked.clear()
    known.take(LICENSES, license_manifest("acme-prod", **FROM_SECRET), generation=2)
    asked = known.asked_for()
    assert Item(Kind.TOKEN, name="acme-license") in asked
    assert ASSESSMENT not in asked
    assert known.world.ledger.licenses["acme-prod"].token_from is None, "what it gave until then stays"


def test_license_that_waits_for_its_secret_asks_once(known):
    obj = known.take(LICENSES, license_manifest("acme-prod", **FROM_SECRET))
    known.asked.clear()
    known.intake.take(LICENSES, newer(obj))
    assert known.asked_for() == []


def test_license_that_is_given_its_token_inline_waits_no_more(known):
    known.take(LICENSES, license_manifest("acme-prod", **FROM_SECRET))
    known.license("acme-prod", "x")
    assert known.world.unread == {}
    assert known.world.ledger.licenses["acme-prod"].token == "x"


def test_installation_is_remembered_as_it_was_written(known):
    past = {"chart": "acme-platform", "version": "1.0.0", "revision": 1, "licensed": True}
    known.install(firstSeen="2026-01-01T00:00:00Z", history=[past])
    [record] = known.world.installations.values()
    assert [(entry.version, entry.licensed) for entry in record.history] == [("1.0.0", True)]
    assert record.first_seen == 1_767_225_600


# -- deletion ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "manifest", "item"),
    [
        (VENDORS, VendorSimulator().vendor_manifest(), ASSESSMENT),
        (LICENSES, LICENSE, ASSESSMENT),
        (ENTITLEMENTS, entitlement_manifest(), Item(Kind.ENTITLEMENT, "prod-eu", "platform")),
        (
            INSTALLATIONS,
            {"metadata": {"namespace": "prod-eu", "name": "platform"}},
            Item(Kind.INSTALLATION, "prod-eu", "platform"),
        ),
    ],
)
def test_deleted_object_is_forgotten(resource, manifest, item):
    known = KnownWorld()
    obj = known.take(resource, manifest)
    known.asked.clear()
    known.forget(resource, obj)
    world = known.world
    assert item in known.asked_for()
    assert world.observed[resource] == {}
    assert not any((world.ledger.vendors, world.ledger.licenses, world.entitlements.records, world.installations))


def test_policies_forget_what_ran_licensed_with_the_installation(known):
    known.world.policies["acme"] = Written("u-1", 1, b"")
    past = {"chart": "acme-platform", "version": "1.0.0", "revision": 1, "licensed": True}
    obj = known.install(firstSeen="2026-01-01T00:00:00Z", history=[past])
    known.asked.clear()
    known.forget(INSTALLATIONS, obj)
    assert Item(Kind.WORKLOAD_POLICY, name="acme") in known.asked_for()


def test_deleted_license_whose_secret_was_never_read_is_forgotten(known):
    obj = known.take(LICENSES, license_manifest("acme-prod", **FROM_SECRET))
    known.forget(LICENSES, obj)
    assert known.world.unread == {}


def test_deletion_counts_for_the_object_with_its_uid(known):
    former = known.take(LICENSES, LICENSE, uid="u-1")
    known.take(LICENSES, license_manifest("acme-prod", token="y"), uid="u-2")
    known.asked.clear()
    known.forget(LICENSES, former)
    assert known.asked_for() == []
    assert known.world.ledger.licenses["acme-prod"].token == "y"


def test_entitlement_that_is_being_deleted_asks_for_nothing_any_more(known):
    obj = known.take(ENTITLEMENTS, entitlement_manifest())
    known.intake.take(ENTITLEMENTS, newer(obj, metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}))
    assert known.world.entitlements.records == {}
    assert known.world.observed[ENTITLEMENTS]["prod-eu", "platform"].deleting


# -- late news ---------------------------------------------------------------------------------------------------------


def test_news_that_are_older_than_what_is_known_are_left_out(known):
    older = known.stored(license_manifest("acme-prod", token="old"))
    known.license("acme-prod", "new")
    known.asked.clear()
    known.intake.take(LICENSES, older)
    assert known.asked_for() == []
    assert known.world.ledger.licenses["acme-prod"].token == "new"


def test_versions_are_compared_as_numbers(known):
    known.take(LICENSES, license_manifest("acme-prod", token="old"), resourceVersion="999")
    known.take(LICENSES, license_manifest("acme-prod", token="new"), resourceVersion="1000")
    assert known.world.ledger.licenses["acme-prod"].token == "new"


def test_late_news_of_a_former_object_do_not_replace_the_one_made_anew(known):
    former = known.stored(license_manifest("acme-prod", token="former"), uid="u-1")
    known.take(LICENSES, license_manifest("acme-prod", token="anew"), uid="u-2")
    known.intake.take(LICENSES, former)
    known.forget(LICENSES, former)
    assert known.world.observed[LICENSES]["", "acme-prod"].uid == "u-2"


def test_what_is_deleted_while_somebody_lists_is_noted(known):
    obj = known.take(LICENSES, LICENSE, uid="u-1")
    with known.intake.listing() as deleted:
        assert deleted == set()
        known.forget(LICENSES, obj)
        known.intake.forget(ENTITLEMENTS, ("prod-eu", "unheard-of"), "u-2")
        assert deleted == {"u-1", "u-2"}
    known.intake.forget(LICENSES, ("", "acme-prod"), "u-3")
    assert deleted == {"u-1", "u-2"}


# -- faults ------------------------------------------------------------------------------------------------------------


def test_object_that_cannot_be_read_leaves_what_was_known_of_it(known, caplog):
    key = known.entitle()
    before = known.world.observed[ENTITLEMENTS][key], known.world.entitlements.records[key]
    known.asked.clear()
    known.take(ENTITLEMENTS, {"metadata": {"namespace": "prod-eu", "name": "platform"}, "spec": {}})
    assert (known.world.observed[ENTITLEMENTS][key], known.world.entitlements.records[key]) == before
    assert known.asked_for() == []
    assert "entitlements.licet.dev prod-eu/platform can't be read" in caplog.text


def test_object_that_cannot_be_read_is_read_once_it_can(known, caplog):
    with caplog.at_level(logging.CRITICAL):
        known.take(ENTITLEMENTS, {"metadata": {"namespace": "prod-eu", "name": "platform"}, "spec": {}})
    assert known.entitle() in known.world.entitlements.records
