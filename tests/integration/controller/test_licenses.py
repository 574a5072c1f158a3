"""Which licenses count, for whom and until when, as the cluster shows it."""

import time
from functools import partial

import pytest

from support.controller_site import COLLECTED_SECONDS, eventually
from support.vendor_simulator import DAY, MINUTE, YEAR

SOON = 8  # seconds until something happens by time alone


def valid(site, name: str) -> tuple[str, str]:
    return site.condition("License", f"{name}-{site.id}", "Valid")


def await_valid(site, name: str, status: str, reason: str) -> None:
    eventually(lambda: valid(site, name) == (status, reason))


@pytest.fixture
def entitled(site):
    """An Entitlement of a trusted vendor's product; nothing is licensed."""
    site.trust()
    site.entitlement()
    site.await_state("Unlicensed")
    return site


# -- what counts -------------------------------------------------------------------------------------------------------


def test_higher_sequence_supersedes_and_is_ready_as_is_the_one_before(entitled):
    entitled.license(entitled.vendor.token(series="s", sequence=1, plan="pro"), name="old")
    entitled.await_state("Active")
    entitled.license(entitled.vendor.token(series="s", sequence=2, plan="max"), name="new")
    await_valid(entitled, "old", "False", "Superseded")
    await_valid(entitled, "new", "True", "Verified")
    assert entitled.condition("License", f"old-{entitled.id}") == ("True", "Superseded")
    eventually(lambda: entitled.document()["plan"] == "max")


def test_downgrade_is_a_higher_sequence_with_less(entitled):
    entitled.license(entitled.vendor.token(series="s", sequence=1, limits={"seats": {"max": 25}}), name="old")
    eventually(lambda: entitled.document()["limits"]["seats"]["max"] == 25)
    entitled.license(entitled.vendor.token(series="s", sequence=2, limits={"seats": {"max": 5}}), name="new")
    eventually(lambda: entitled.document()["limits"]["seats"]["max"] == 5)


def test_deletion_of_the_newest_license_does_not_bring_an_older_one_back(entitled):
    entitled.license(entitled.vendor.token(series="s", sequence=1), name="old")
    entitled.license(entitled.vendor.token(series="s", sequence=2), name="new")
    await_valid(entitled, "old", "False", "Superseded")
    entitled.delete("License", f"new-{entitled.id}")
    entitled.await_state("Unlicensed")
    assert valid(entitled, "old") == ("False", "Superseded")


def test_renewal_can_be_applied_early_and_takes_over_when_it_begins(entitled):
    entitled.license(entitled.vendor.token(series="s", sequence=1, plan="old"), name="old")
    eventually(lambda: entitled.document()["plan"] == "old")
    begins = int(time.time()) + SOON
    entitled.license(entitled.vendor.token(series="s", sequence=2, plan="new", nbf=begins), name="renewal")
    await_valid(entitled, "renewal", "False", "NotYetValid")
    assert entitled.document()["plan"] == "old"
    eventually(lambda: entitled.document()["plan"] == "new")
    assert time.time() >= begins
    await_valid(entitled, "old", "False", "Superseded")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda vendor: "nonsense", "Malformed"),
        (lambda vendor: vendor.forged_token(), "SignatureInvalid"),
        (lambda vendor: vendor.token_with_unpublished_key(), "UnknownKey"),
        (lambda vendor: vendor.token_of_issuer("https://nobody.example"), "UnknownVendor"),
        (lambda vendor: vendor.token_for_another_audience(), "AudienceMismatch"),
        (lambda vendor: vendor.token_for_another_cluster(), "ClusterMismatch"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_token_that_no_waiting_will_mend_is_not_ready_and_harms_no_other(entitled, make, reason):
    entitled.license(entitled.vendor.token(), name="good")
    entitled.license(make(entitled.vendor), name="bad")
    await_valid(entitled, "bad", "False", reason)
    assert entitled.condition("License", f"bad-{entitled.id}") == ("False", reason)
    assert entitled.get("License", f"bad-{entitled.id}")["status"].keys() == {
        "conditions",
        "observedGeneration",
        "products",
    }
    await_valid(entitled, "good", "True", "Verified")
    entitled.await_state("Active")


def test_status_says_what_the_token_says(site):
    site.trust()
    exp = site.vendor.now + YEAR
    charts = [{"name": site.product, "versions": ">=2.0.0 <3.0.0", "channels": ["rc"]}]
    token = site.vendor.token(
        jti="lic_7", exp=exp, gracePeriod="P14D", series="s", sequence=3, trial=True, charts=charts
    )
    name = site.license(token)
    await_valid(site, "license", "True", "Verified")
    status = site.get("License", name)["status"]
    expected = {
        "vendor": site.vendor.name,
        "licenseID": "lic_7",
        "customer": "Globex",
        "series": "s",
        "sequence": 3,
        "signingKeyID": site.vendor.kid,
        "trial": True,
        "notAfter": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(exp)),
        "graceUntil": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(exp + 14 * DAY)),
    }
    assert expected.items() <= status.items()
    (product,) = status["products"]
    assert (product["name"], product["charts"]) == (site.product, charts)


def test_same_token_in_two_licenses_counts_once_for_the_namespaces_of_both(site):
    other = site.make_namespace("other")
    site.trust()
    token = site.vendor.token(limits={"seats": {"max": 25}})
    site.license(token, name="one", allowedNamespaces={"names": [site.namespace]})
    site.license(token, name="two", allowedNamespaces={"names": [other]})
    both = (site.namespace, other)
    for namespace in both:
        site.entitlement(namespace=namespace)
    eventually(lambda: all(site.document(namespace=each)["limits"]["seats"]["max"] == 25 for each in both))
    eventually(lambda: all(site.tokens(namespace=each) == [token] for each in both))


# -- decisions act at once ---------------------------------------------------------------------------------------------


@pytest.fixture
def licensed(entitled):
    entitled.license(entitled.vendor.token(plan="pro"))
    entitled.await_state("Active")
    await_valid(entitled, "license", "True", "Verified")
    return entitled


def test_deleted_license_takes_its_rights_at_once(licensed):
    licensed.delete("License", f"license-{licensed.id}")
    licensed.await_state("Unlicensed")
    eventually(lambda: licensed.tokens() == [])


def test_deleted_vendor_takes_the_rights_at_once_and_gives_them_back(licensed):
    licensed.delete("Vendor", licensed.vendor.name)
    licensed.await_state("Unlicensed")
    await_valid(licensed, "license", "False", "UnknownVendor")
    licensed.trust()
    licensed.await_state("Active")


def test_removed_key_takes_the_rights_of_its_licenses_at_once(licensed):
    first = licensed.vendor.kid
    licensed.vendor.rotate_key("another-key")
    licensed.trust()
    assert licensed.state() == "Active"
    licensed.vendor.withdraw_key(first)
    licensed.trust()
    licensed.await_state("Unlicensed")
    await_valid(licensed, "license", "False", "UnknownKey")


def test_product_that_the_vendor_does_not_list_any_more_carries_no_rights(licensed):
    licensed.patch("Vendor", licensed.vendor.name, {"spec": {"products": [{"name": "something-else"}]}})
    licensed.await_state("Unlicensed")
    name = f"license-{licensed.id}"
    eventually(lambda: licensed.condition("License", name, "Consistent") == ("False", "ProductNotListed"))
    assert licensed.condition("License", name) == ("True", "Verified")


def test_two_vendors_with_one_issuer_are_both_not_trusted_until_one_is_gone(licensed):
    rival = licensed.another_vendor("rival", issuer=licensed.vendor.issuer)
    licensed.trust(rival)
    licensed.await_state("Unlicensed")
    for name in (rival.name, licensed.vendor.name):
        licensed.await_condition("Vendor", name, "Ready", ("False", "IssuerConflict"))
    await_valid(licensed, "license", "False", "IssuerConflict")
    licensed.delete("Vendor", rival.name)
    licensed.await_state("Active")
    eventually(lambda: licensed.condition("Vendor", licensed.vendor.name) == ("True", "Trusted"))


def test_vendor_that_claims_what_an_older_one_claims_says_so(licensed):
    time.sleep(1.1)  # creation times are whole seconds
    other = licensed.another_vendor("a")
    licensed.trust(other, products=[{"name": other.product, "charts": [licensed.product]}])
    eventually(lambda: licensed.condition("Vendor", other.name) == ("False", "ClaimConflict"))
    assert licensed.vendor.name in licensed.message("Vendor", other.name)
    assert licensed.condition("Vendor", licensed.vendor.name) == ("True", "Trusted")
    licensed.delete("Vendor", licensed.vendor.name)
    eventually(lambda: licensed.condition("Vendor", other.name) == ("True", "Trusted"))


# -- for whom ----------------------------------------------------------------------------------------------------------


def test_license_follows_the_labels_of_namespaces(site):
    site.trust()
    site.entitlement()
    site.license(site.vendor.token(), allowedNamespaces={"selector": {"matchLabels": {"team": "pay"}}})
    site.await_state("Unlicensed")
    site.patch("Namespace", site.namespace, {"metadata": {"labels": {"team": "pay"}}})
    site.await_state("Active")
    site.patch("Namespace", site.namespace, {"metadata": {"labels": {"team": "other"}}})
    site.await_state("Unlicensed")


def test_labels_that_changed_while_no_entitlement_was_there_count(licensed):
    selector = {"selector": {"matchLabels": {"team": "pay"}}}
    licensed.license(licensed.vendor.token(), allowedNamespaces=selector)
    licensed.await_state("Unlicensed")
    licensed.delete("Entitlement", "app")
    licensed.patch("Namespace", licensed.namespace, {"metadata": {"labels": {"team": "pay"}}})
    eventually(lambda: licensed.find("ConfigMap", "app") is None, seconds=COLLECTED_SECONDS)
    licensed.entitlement()
    licensed.await_state("Active")


def test_new_namespace_with_its_labels_is_never_taken_for_one_without(site):
    site.trust()
    site.license(site.vendor.token(), allowedNamespaces={"selector": {"matchLabels": {"team": "pay"}}})
    await_valid(site, "license", "True", "Verified")
    for number in range(5):
        namespace = site.make_namespace(f"new-{number}", team="pay")
        site.entitlement(f"new-{number}", namespace=namespace)
        site.await_state("Active", f"new-{number}", namespace=namespace)
    names = [f"new-{number}" for number in range(5)]
    eventually(lambda: all(site.events(name) == [("Normal", "Active")] for name in names))


def test_narrowing_a_license_leaves_the_other_namespaces(licensed):
    licensed.patch("License", f"license-{licensed.id}", {"spec": {"allowedNamespaces": {"names": ["another"]}}})
    licensed.await_state("Unlicensed")
    licensed.patch(
        "License", f"license-{licensed.id}", {"spec": {"allowedNamespaces": {"names": [licensed.namespace]}}}
    )
    licensed.await_state("Active")


# -- limits ------------------------------------------------------------------------------------------------------------


def seats(site, name: str) -> tuple[int, bool]:
    limit = site.document(name)["limits"]["seats"]
    return limit["max"], limit["shared"]


def test_reservations_are_granted_in_order_of_age_and_the_rest_is_shared(site):
    site.trust()
    site.entitlement("first", limits={"seats": 10})
    time.sleep(1.1)  # creation times are whole seconds
    site.entitlement("a-second", limits={"seats": 10})
    site.entitlement("sharing")
    site.license(site.vendor.token(series="s", sequence=1, limits={"seats": {"max": 15}}))
    eventually(
        lambda: (
            (seats(site, "first"), seats(site, "a-second"), seats(site, "sharing"))
            == ((10, False), (5, False), (0, True))
        )
    )
    eventually(lambda: site.condition("Entitlement", "first", "LimitsGranted") == ("True", "Granted"))
    granted = [{"name": "seats", "requested": 10, "granted": 5, "shared": False}]
    eventually(lambda: site.get("Entitlement", "a-second")["status"]["limits"] == granted)
    assert site.condition("Entitlement", "a-second", "LimitsGranted") == ("False", "PoolExhausted")

    site.license(site.vendor.token(series="s", sequence=2, limits={"seats": {"max": 30}}))
    eventually(lambda: (seats(site, "a-second"), seats(site, "sharing")) == ((10, False), (10, True)))
    site.patch("Entitlement", "first", {"spec": {"limits": {"seats": 20}}})
    eventually(
        lambda: (
            (seats(site, "first"), seats(site, "a-second"), seats(site, "sharing"))
            == ((20, False), (10, False), (0, True))
        )
    )
    site.delete("Entitlement", "first")
    eventually(lambda: (seats(site, "a-second"), seats(site, "sharing")) == ((10, False), (20, True)))


# -- by time alone -----------------------------------------------------------------------------------------------------


def test_expiry_and_end_of_grace_are_acted_on_in_time(entitled):
    exp = int(time.time()) + SOON
    name = entitled.license(entitled.vendor.token(exp=exp, features={"sso": True}))
    entitled.await_state("Active")
    eventually(lambda: entitled.condition("License", name, "ExpiringSoon") == ("True", "ExpiresWithin30Days"))
    entitled.await_state("Expired")
    assert time.time() >= exp
    await_valid(entitled, "license", "False", "Expired")
    assert entitled.condition("License", name) == ("True", "Expired")
    assert entitled.document()["features"] == {}
    eventually(lambda: entitled.condition("Entitlement", "app", "Licensed") == ("False", "Expired"))


def test_expired_license_keeps_projecting_during_grace(entitled):
    exp = int(time.time()) + SOON
    entitled.license(entitled.vendor.token(exp=exp, gracePeriod="P1D", features={"sso": True}))
    entitled.await_state("Active")
    entitled.await_state("Grace")
    assert time.time() >= exp
    assert entitled.document()["features"] == {"sso": True}
    await_valid(entitled, "license", "True", "InGrace")


def test_end_of_grace_is_acted_on_in_time(entitled):
    ends = int(time.time()) + SOON
    token = entitled.vendor.token(
        iat=ends - YEAR, nbf=ends - YEAR, exp=ends - DAY, gracePeriod="P1D", onExpiry="Keep", plan="pro"
    )
    entitled.license(token)
    entitled.await_state("Grace")
    entitled.await_state("Expired")
    assert time.time() >= ends
    assert entitled.document()["plan"] == "pro"


def test_token_from_the_future_counts_when_its_time_has_come(entitled):
    iat = int(time.time()) + SOON + 10 * MINUTE
    entitled.license(entitled.vendor.token(iat=iat, nbf=0))
    await_valid(entitled, "license", "False", "NotYetValid")
    entitled.await_state("Active")
    assert time.time() >= iat - 10 * MINUTE


def test_many_ends_at_different_times_are_each_acted_on(entitled):
    start = int(time.time()) + SOON
    for number in range(3):
        token = entitled.vendor.token(exp=start + number, features={f"feature-{number}": True})
        entitled.license(token, name=f"until-{number}")
    eventually(lambda: len(entitled.document()["features"]) == 3)
    for number in range(3):
        eventually(partial(lambda left: len(entitled.document()["features"]) <= left, 2 - number))
        assert time.time() >= start + number
