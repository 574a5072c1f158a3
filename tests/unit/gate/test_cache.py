from licet.cluster.records import KeptToken, LicenseRecord, SecretRef
from licet.core.memory import Memory
from licet.core.namespaces import Namespace
from licet.core.reasons import Reason
from licet.core.validity import EXPIRING_SOON_SECONDS
from licet.core.verdict import RanHere
from licet.gate.cache import Place
from support.vendor_simulator import DAY, NOW

REFERENCE = SecretRef("acme-license", "license.jwt")
PLACE = Place(("prod-eu",), ("prod-eu", "web"), "web")


def referring_license(uid: str = "u1") -> LicenseRecord:
    return LicenseRecord("acme-prod", uid, None, REFERENCE, None)


def reason(cache) -> Reason:
    return cache.assessment(NOW + DAY).standings["acme-prod"].reason


def test_assessment_is_made_anew_only_when_something_changes(scene):
    cache = scene.known
    scene.license()
    first = cache.assessment(NOW + DAY)
    cache.add_namespaces("other")
    assert cache.assessment(NOW + 2 * DAY) is first
    end = first.next_change
    assert end == NOW + 365 * DAY - EXPIRING_SOON_SECONDS
    assert cache.assessment(end - 1) is first
    second = cache.assessment(end)
    assert second is not first
    assert second.standings["acme-prod"].expiring_soon
    assert not cache.assessment(end - 1).standings["acme-prod"].expiring_soon  # the clock was put right
    for change in (
        lambda: cache.set_license("acme-prod", None),
        lambda: cache.set_vendor("acme", None),
        lambda: cache.set_memory(Memory({"x": 1})),
        lambda: cache.set_kept({}),
    ):
        before = cache.assessment(NOW + DAY)
        change()
        assert cache.assessment(NOW + DAY) is not before


def test_token_that_the_controller_keeps_stands_in_for_its_secret(scene):
    cache = scene.known
    cache.set_license("acme-prod", referring_license())
    assert reason(cache) is Reason.TOKEN_UNAVAILABLE
    cache.set_kept({"acme-prod": KeptToken("u1", REFERENCE, scene.vendor.token())})
    assert reason(cache) is Reason.VERIFIED
    cache.set_kept({"acme-prod": KeptToken("another", REFERENCE, scene.vendor.token())})
    assert reason(cache) is Reason.TOKEN_UNAVAILABLE


def test_kept_tokens_are_verified_by_the_gate_itself(scene):
    cache = scene.known
    cache.set_license("acme-prod", referring_license())
    cache.set_kept({"acme-prod": KeptToken("u1", REFERENCE, scene.vendor.forged_token())})
    assert reason(cache) is Reason.SIGNATURE_INVALID


def test_deletion_of_kept_tokens_takes_nothing_away(scene):
    cache = scene.known
    cache.set_license("acme-prod", referring_license())
    cache.set_kept({"acme-prod": KeptToken("u1", REFERENCE, scene.vendor.token())})
    cache.set_kept(None)
    assert reason(cache) is Reason.VERIFIED


def test_deletion_of_the_memory_revives_nothing(scene):
    cache = scene.known
    scene.license()
    cache.set_memory(Memory({scene.vendor.issuer: NOW + 500 * DAY}))
    assert reason(cache) is Reason.EXPIRED
    cache.set_memory(None)
    assert reason(cache) is Reason.EXPIRED


def test_facts_wait_for_every_namespace_to_be_known(scene):
    cache = scene.known
    place = Place(("prod-eu", "new"), None, None)
    assert cache.facts(place, NOW) is None
    cache.set_namespace("new", Namespace("new", {"team": "pay"}))
    assert [namespace.name for namespace in cache.facts(place, NOW).namespaces] == ["prod-eu", "new"]
    cache.set_namespace("new", None)
    assert cache.facts(place, NOW) is None


def test_facts_have_what_the_installation_remembers(scene):
    cache = scene.known
    ran_here = RanHere(running=frozenset({("acme-platform", "2.4.1")}))
    assert cache.facts(PLACE, NOW).ran_here == RanHere()
    cache.set_installation(("prod-eu", "web"), ran_here)
    assert cache.facts(PLACE, NOW).ran_here == ran_here
    assert cache.facts(Place(("prod-eu",), None, None), NOW).ran_here == RanHere()
    cache.set_installation(("prod-eu", "web"), None)
    assert cache.facts(PLACE, NOW).ran_here == RanHere()
