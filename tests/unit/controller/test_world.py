import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.cluster.resource import ENTITLEMENTS, LICENSES, VENDORS
from licet.controller.queue import Item, Kind
from licet.controller.releases import Revision
from licet.controller.workloads import Ref, Workload
from licet.controller.world import World
from licet.core.namespaces import Namespace
from licet.core.reasons import State
from licet.core.release import Storage
from licet.core.subjects import Origin, Subject
from licet.core.vendors import ProductClaim
from support.known_world import KnownWorld, entitlement_manifest
from support.properties import quick
from support.vendor_simulator import DAY, NOW, YEAR, VendorSimulator

SEATS = {"seats": {"max": 10}}
PLATFORM = ("acme", "acme-platform")


@pytest.fixture
def known(acme) -> KnownWorld:
    return KnownWorld(acme, VendorSimulator(name="globex", product="globex-db"))


# -- what a new assessment affects -------------------------------------------------------------------------------------


def test_license_affects_the_entitlements_of_its_product_and_no_other(acme, known):
    platform = known.entitle()
    known.entitle("db", vendorRef={"name": "globex"}, product="globex-db")
    known.entitle("other", product="other")
    known.license("acme-prod", acme.token())
    assert known.assess().entitlements == {platform}


@pytest.mark.parametrize(
    ("claims", "spec"),
    [
        ({"bindings": {"namespaces": ["prod-*"]}}, {}),
        ({}, {"allowedNamespaces": {"names": ["prod-eu"]}}),
        ({}, {"allowedNamespaces": {"selector": {"matchLabels": {"stage": "prod"}}}}),
    ],
)
def test_license_affects_the_namespaces_that_it_is_for_and_no_other(acme, known, claims, spec):
    known.namespaces("prod-eu", stage="prod")
    prod, _ = known.entitle(namespace="prod-eu"), known.entitle(namespace="dev")
    known.license("acme-prod", acme.token(**claims), **spec)
    assert known.assess().entitlements == {prod}
    assert known.assess().entitlements == frozenset(), "nothing has changed since"


def test_narrowing_a_license_affects_those_that_lose_it_as_well(acme, known):
    prod, dev = known.entitle(namespace="prod-eu"), known.entitle(namespace="dev")
    known.license("acme-prod", token := acme.token())
    assert known.assess().entitlements == {prod, dev}
    known.license("acme-prod", token, allowedNamespaces={"names": ["prod-eu"]})
    assert dev in known.assess().entitlements
    assert known.projection(dev).rights.state is State.UNLICENSED
    assert known.projection(prod).rights.state is State.ACTIVE


def test_where_amounts_are_reserved_a_license_affects_the_whole_product(acme, known):
    dev = known.entitle(namespace="dev")
    reserved = known.entitle(namespace="test", limits={"seats": 3})
    known.entitle("db", vendorRef={"name": "globex"}, product="globex-db")
    known.license("acme-prod", acme.token(bindings={"namespaces": ["prod-eu"]}, limits=SEATS))
    assert known.assess().entitlements == {dev, reserved}


def test_time_that_passes_affects_only_those_whose_license_it_changes(acme, known):
    prod, dev = known.entitle(namespace="prod-eu"), known.entitle(namespace="dev")
    known.license("acme-prod", acme.token(bindings={"namespaces": ["prod-eu"]}, exp=NOW + DAY))
    known.license("acme-dev", acme.token(bindings={"namespaces": ["dev"]}))
    assert known.assess().entitlements == {prod, dev}
    assert known.assess(NOW + DAY - 1).entitlements == frozenset()
    assert known.assess(NOW + DAY).entitlements == {prod}
    assert known.projection(prod).rights.state is State.EXPIRED


def test_renewal_of_a_license_affects_what_depends_on_it(acme, known):
    prod = known.entitle()
    known.license("old", acme.token(series="s", sequence=1))
    known.assess()
    known.license("new", acme.token(series="s", sequence=2, exp=NOW + 2 * YEAR))
    assert known.assess().entitlements == {prod}
    assert known.projection(prod).rights.not_after == NOW + 2 * YEAR


def test_license_affects_the_releases_with_a_chart_of_its_product(acme, known):
    def subject(vendor: str, product: str) -> Subject:
        return Subject(product, "1.0.0", ProductClaim(vendor, product), None, Origin.ROOT)

    known.world.subjects[("prod-eu", "platform")] = {"u-1": (subject("acme", "acme-platform"),), "u-2": ()}
    known.world.subjects[("prod-eu", "db")] = {"u-3": (subject("globex", "globex-db"),)}
    known.license("acme-prod", acme.token())
    assert known.assess().installations == {("prod-eu", "platform")}


# -- namespaces --------------------------------------------------------------------------------------------------------


def test_labels_of_a_namespace_affect_the_entitlements_in_it_and_no_other(acme, known):
    prod, dev = known.entitle(namespace="prod-eu"), known.entitle(namespace="dev")
    known.license("acme-prod", acme.token(), allowedNamespaces={"selector": {"matchLabels": {"stage": "prod"}}})
    known.assess()
    assert known.projection(prod).rights.state is State.UNLICENSED
    assert known.world.set_namespace("prod-eu", Namespace("prod-eu", {"stage": "prod"})) == {prod}
    assert known.projection(prod).rights.state is State.ACTIVE
    assert known.projection(dev).rights.state is State.UNLICENSED


def test_labels_of_a_namespace_with_a_reservation_affect_the_whole_product(acme, known):
    known.namespaces("prod-eu", stage="prod")
    prod, dev = known.entitle(namespace="prod-eu", limits={"seats": 7}), known.entitle(namespace="dev")
    allowed = {"names": ["dev"], "selector": {"matchLabels": {"stage": "prod"}}}
    known.license("acme-prod", acme.token(limits=SEATS), allowedNamespaces=allowed)
    known.assess()
    assert known.projection(dev).limits["seats"].max == 3
    assert known.world.set_namespace("prod-eu", Namespace("prod-eu")) == {prod, dev}
    assert known.projection(dev).limits["seats"].max == 10


def test_deleted_namespace_is_not_known_any_more(known):
    known.namespaces("prod-eu", stage="prod")
    known.world.set_namespace("prod-eu", None)
    assert known.world.namespace("prod-eu") == Namespace("prod-eu")
    assert "prod-eu" not in known.world.namespaces


# -- Entitlements ------------------------------------------------------------------------------------------------------


def test_entitlement_without_a_reservation_affects_only_itself(known):
    known.entitle("first")
    known.asked.clear()
    known.entitle("second")
    assert [item.name for item in known.asked_for()] == ["second"] * 2


def test_deleted_entitlement_frees_what_it_had_reserved(acme, known):
    known.license("acme-prod", acme.token(limits=SEATS))
    known.assess()
    older = known.take(ENTITLEMENTS, entitlement_manifest("older", limits={"seats": 8}))
    younger = known.entitle("younger", limits={"seats": 5}, creationTimestamp="2026-01-02T00:00:00Z")
    sharing = known.entitle("sharing", creationTimestamp="2026-01-03T00:00:00Z")
    assert known.projection(younger).limits["seats"].max == 2
    assert known.projection(sharing).limits["seats"].max == 0
    known.asked.clear()
    known.forget(ENTITLEMENTS, older)
    assert {item.name for item in known.asked_for()} >= {"younger", "sharing"}
    assert known.projection(younger).limits["seats"].max == 5
    assert known.projection(sharing).limits["seats"].max == 5


def test_younger_entitlement_takes_over_the_target_of_a_deleted_one(known):
    target = {"configMap": {"name": "shared"}}
    older = known.take(ENTITLEMENTS, entitlement_manifest("older", target=target))
    known.entitle("younger", target=target, creationTimestamp="2026-01-02T00:00:00Z")
    known.asked.clear()
    known.forget(ENTITLEMENTS, older)
    assert "younger" in {item.name for item in known.asked_for()}


def test_entitlement_that_was_made_anew_for_another_product_frees_what_it_had_reserved(known):
    """Its deletion may be missed, when a list tells of the new one first."""
    db = VendorSimulator(name="globex", product="globex-db")
    known.license("globex-prod", db.token(limits=SEATS))
    known.assess()
    changing = known.entitle("changing", vendorRef={"name": "globex"}, product="globex-db", limits={"seats": 4})
    sharing = known.entitle("sharing", vendorRef={"name": "globex"}, product="globex-db")
    assert known.projection(sharing).limits["seats"].max == 6
    known.asked.clear()
    assert known.entitle("changing", limits={"seats": 4}, uid="another") == changing
    assert "sharing" in {item.name for item in known.asked_for()}
    assert known.projection(sharing).limits["seats"].max == 10


# -- what protects -----------------------------------------------------------------------------------------------------


def test_all_releases_are_looked_at_again_once_something_else_is_protected(known):
    for release in ("platform", "web"):
        known.world.releases.set(
            "prod-eu", None, Revision(Storage.SECRET, f"{release}.v1", release, release, 1, "deployed")
        )
        known.world.subjects["prod-eu", release] = {release: ()}
    assert known.world.forget_subjects() == {("prod-eu", "platform"), ("prod-eu", "web")}
    assert known.world.subjects == {}


# -- workloads ---------------------------------------------------------------------------------------------------------

API = "registry.example/acme-platform/api:1.0.0"
DEPLOYMENT, POD = Ref("prod-eu", "Deployment", "web"), Ref("prod-eu", "Pod", "web-1")


def put(known, ref: Ref, workload: Workload | None, before: Workload | None = None) -> list[Ref]:
    return known.world.set_workload(ref, before, workload)


def test_workload_that_needs_a_license_concerns_its_source(known):
    needy = Workload(images=frozenset({API}))
    assert put(known, DEPLOYMENT, needy) == [DEPLOYMENT]
    assert put(known, POD, Workload(owner=DEPLOYMENT)) == [], "that changes nothing"
    assert put(known, DEPLOYMENT, Workload(), needy) == [DEPLOYMENT]
    assert put(known, DEPLOYMENT, None, Workload()) == []


def test_workload_concerns_its_source_if_what_it_made_needs_a_license(known):
    put(known, POD, Workload(images=frozenset({API}), owner=DEPLOYMENT))
    assert put(known, DEPLOYMENT, Workload()) == [DEPLOYMENT]


def test_every_change_of_what_has_an_installation_is_looked_at(known):
    known.install("deployment.web")
    assert put(known, DEPLOYMENT, Workload(images=frozenset({"nginx:1"}))) == [DEPLOYMENT]


def test_before_any_vendor_is_known_no_workload_concerns_anything():
    known = KnownWorld()
    assert put(known, DEPLOYMENT, Workload(images=frozenset({API}))) == []
    known.take(VENDORS, VendorSimulator().vendor_manifest())
    assert Item(Kind.INVENTORY) in known.asked_for()
    assert known.world.protected_sources() == {DEPLOYMENT}
    assert known.world.protected_sources("test") == frozenset()


def test_release_that_comes_or_goes_concerns_whatever_its_workloads_were_part_of(known):
    release = Revision(Storage.SECRET, "web.v1", "u-1", "web", 1, "deployed")
    claim = Ref("prod-eu", "Release", "web")
    put(known, DEPLOYMENT, Workload(images=frozenset({API}), release=claim))
    put(known, POD, Workload(images=frozenset({"nginx:1"}), release=claim))
    assert known.world.set_revision("prod-eu", None, release) == ({("prod-eu", "web")}, {DEPLOYMENT})
    later = Revision(Storage.SECRET, "web.v2", "u-2", "web", 2, "deployed")
    assert known.world.set_revision("prod-eu", None, later) == ({("prod-eu", "web")}, frozenset())
    known.world.set_revision("prod-eu", later, None)
    assert known.world.set_revision("prod-eu", release, None) == ({("prod-eu", "web")}, {DEPLOYMENT})


def test_licenses_concern_what_is_installed_of_their_product(known, acme):
    known.world.licensed["prod-eu", "deployment.web"] = {("acme", "acme-platform"): False}
    known.world.licensed["prod-eu", "deployment.other"] = {("globex", "db"): True}
    known.license("acme-prod", acme.token())
    assert known.assess().installations == {("prod-eu", "deployment.web")}


def test_license_that_has_not_begun_concerns_what_names_it_for_want_of_another(known, acme):
    known.world.licensed["prod-eu", "deployment.web"] = {("acme", "acme-platform"): False}
    obj = known.license("acme-next", acme.early_token())
    assert known.assess().installations == {("prod-eu", "deployment.web")}
    assert known.assess().installations == frozenset()
    known.forget(LICENSES, obj)
    assert known.assess().installations == {("prod-eu", "deployment.web")}


def test_license_that_was_replaced_by_one_of_another_name_concerns_what_names_it(known, acme):
    known.world.licensed["prod-eu", "deployment.web"] = {("acme", "acme-platform"): True}
    obj = known.license("old", acme.token())
    known.assess()
    known.license("new", acme.token())
    known.forget(LICENSES, obj)
    assert known.assess().installations == {("prod-eu", "deployment.web")}


def test_secret_is_of_interest_while_a_license_refers_to_it(known):
    reference = {"secretKeyRef": {"name": "acme-license", "key": "license.jwt"}}
    manifest = {"metadata": {"name": "acme-prod"}, "spec": {"tokenFrom": reference}}
    obj = known.take(LICENSES, manifest)
    assert known.world.refers_to_secret("acme-license"), "that has not been read yet"
    known.world.ledger.set_license("acme-prod", known.world.unread.pop("acme-prod"))
    assert known.world.refers_to_secret("acme-license"), "and that has"
    assert not known.world.refers_to_secret("other")
    known.forget(LICENSES, obj)
    assert not known.world.refers_to_secret("acme-license")


# -- all of it ---------------------------------------------------------------------------------------------------------

ACME, GLOBEX = VendorSimulator(), VendorSimulator(name="globex", product="globex-db")
NAMESPACES = ("prod-eu", "prod-us", "dev")

entitlements = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["a", "b", "c"]),
        "namespace": st.sampled_from(NAMESPACES),
        "product": st.sampled_from(["acme-platform", "globex-db"]),
        "seats": st.none() | st.integers(0, 12),
        "day": st.integers(1, 3),
        "there": st.booleans(),
    }
)
licenses = st.fixed_dictionaries(
    {
        "license": st.sampled_from(["one", "two", "three"]),
        "vendor": st.sampled_from([ACME, GLOBEX]),
        "series": st.sampled_from(["x", "y"]),
        "sequence": st.integers(0, 3),
        "seats": st.none() | st.integers(0, 20),
        "days": st.integers(1, 4),
        "bound": st.none() | st.lists(st.sampled_from(["prod-*", "dev"]), max_size=2),
        "stage": st.none() | st.sampled_from(["prod", "test"]),
        "there": st.booleans(),
    }
)
labels = st.fixed_dictionaries({"labelled": st.sampled_from(NAMESPACES), "stage": st.sampled_from(["prod", "test"])})
clock = st.fixed_dictionaries({"day": st.integers(0, 5)})


def change(known: KnownWorld, step: dict) -> frozenset[tuple[str, str]]:
    """Make a change to what is known; gives the Entitlements that it is said to affect."""
    known.asked.clear()
    if "labelled" in step:
        return known.world.set_namespace(step["labelled"], Namespace(step["labelled"], {"stage": step["stage"]}))
    if "namespace" in step:
        limits = {} if step["seats"] is None else {"limits": {"seats": step["seats"]}}
        vendor = step["product"].split("-")[0]
        spec = {"vendorRef": {"name": vendor}, "product": step["product"], **limits}
        day = f"2026-01-0{step['day']}T00:00:00Z"
        if step["there"]:
            known.entitle(step["name"], step["namespace"], creationTimestamp=day, **spec)
        else:
            known.forget(ENTITLEMENTS, known.stored(entitlement_manifest(step["name"], step["namespace"])))
        return frozenset((item.namespace, item.name) for item in known.asked_for())
    if "license" in step:
        claims = {member: step[member] for member in ("series", "sequence")}
        token = step["vendor"].token(
            jti=repr(step),
            limits={"seats": {"max": step["seats"]}},
            exp=NOW + step["days"] * DAY,
            bindings={} if step["bound"] is None else {"namespaces": step["bound"]},
            **claims,
        )
        spec = {"allowedNamespaces": {"selector": {"matchLabels": {"stage": step["stage"]}}}} if step["stage"] else {}
        obj = known.license(step["license"], token, **spec)
        if not step["there"]:
            known.forget(LICENSES, obj)
        return known.assess().entitlements
    return known.assess(NOW + step["day"] * DAY).entitlements


@quick
@given(st.lists(entitlements | licenses | labels | clock, min_size=5, max_size=15))
def test_what_is_not_affected_has_not_changed_and_what_is_remembered_is_not_out_of_date(steps):
    known = KnownWorld(ACME, GLOBEX)
    before: dict = {}
    for step in steps:
        affected = change(known, step)
        now = {key: known.projection(key) for key in known.world.entitlements.records}
        for key, projection in now.items():
            assert key in affected or projection == before[key], f"{step} changed {key}"
        before = now
    world = known.world
    known.world = World(world.ledger, world.memory, world.assessment, {}, {}, world.entitlements, world.namespaces)
    assert {key: known.projection(key) for key in before} == before
