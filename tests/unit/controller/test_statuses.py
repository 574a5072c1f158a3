from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from licet.cluster.records import VendorRecord
from licet.controller.judging import Judging
from licet.controller.observed import Observed
from licet.controller.statuses import entitlement_status, license_status, vendor_status
from licet.core import bounds
from licet.core.allocation import Reservation, allocate
from licet.core.evaluate import evaluate
from licet.core.namespaces import Namespace
from licet.core.projection import Projection, Request, project
from licet.core.reasons import Reason, State
from licet.core.vendors import VendorRegistry
from licet.resources.entitlement import EntitlementStatus, TargetKind
from licet.resources.license import LicenseStatus
from licet.resources.meta import ConditionStatus, Status
from licet.resources.vendor import VendorStatus
from support.assessing import assess_tokens
from support.known_world import CREATED
from support.vendor_simulator import CLUSTER, DAY, NOW, YEAR, VendorSimulator, encode

PROD = "prod-eu"
KEY = (PROD, "platform")
FRESH = Observed("u-1", version=7, generation=3, deleting=False, status_digest=b"")


def told(status: Status, type_: str) -> tuple[ConditionStatus, str]:
    """Status and reason of a condition."""
    condition = next(condition for condition in status.conditions if condition.type == type_)
    return condition.status, condition.reason


def message(status: Status, type_: str) -> str:
    return next(condition.message for condition in status.conditions if condition.type == type_)


# -- Vendors -----------------------------------------------------------------------------------------------------------


def of_vendors(
    *manifests: dict[str, Any], licenses: int = 0, judging: Judging | None = None
) -> dict[str, VendorStatus]:
    """The statuses of these Vendors, created one after the other, by name."""
    records = []
    for number, manifest in enumerate(manifests):
        created = {"creationTimestamp": f"2026-01-0{number + 1}T00:00:00Z"}
        records.append(VendorRecord.read(manifest | {"metadata": manifest["metadata"] | created}))
    registry = VendorRegistry(record.vendor for record in records)
    return {
        record.vendor.name: vendor_status(record, registry, FRESH, licenses=licenses, judging=judging, now=NOW)
        for record in records
    }


def test_vendor_is_ready_and_names_its_keys(acme):
    acme.rotate_key("acme-2027")
    status = of_vendors(acme.vendor_manifest(), licenses=2)["acme"]
    assert told(status, "Ready") == ("True", "Trusted")
    assert "acme-2026, acme-2027" in message(status, "Ready")
    assert status.licenses == 2
    assert status.observed_generation == 3


def test_vendors_with_one_issuer_name_each_other(acme):
    twin = VendorSimulator(name="twin", issuer=acme.issuer, product="other")
    statuses = of_vendors(acme.vendor_manifest(), twin.vendor_manifest())
    assert {told(status, "Ready") for status in statuses.values()} == {("False", "IssuerConflict")}
    assert "twin" in message(statuses["acme"], "Ready")
    assert "acme" in message(statuses["twin"], "Ready")


def test_vendor_whose_keys_cannot_be_used_says_which(acme):
    key = {"kty": "EC", "crv": "P-256", "kid": "off-curve", "x": encode(b"\1" * 32), "y": encode(b"\2" * 32)}
    status = of_vendors(acme.vendor_manifest(jwks={"keys": [key]}))["acme"]
    assert told(status, "Ready") == ("False", "InvalidKeys")
    assert "spec.jwks" in message(status, "Ready")
    assert "off-curve" in message(status, "Ready")


def test_vendor_with_a_pattern_that_cannot_be_used_says_which(acme):
    status = of_vendors(acme.vendor_manifest(products=[{"name": "p", "charts": ["ok-chart", "a*"]}]))["acme"]
    assert told(status, "Ready") == ("False", "InvalidProducts")
    assert "'a*'" in message(status, "Ready")


def test_younger_of_two_vendors_that_claim_the_same_says_so(acme):
    rival = VendorSimulator(name="rival", product=acme.product)
    statuses = of_vendors(acme.vendor_manifest(), rival.vendor_manifest())
    assert told(statuses["acme"], "Ready") == ("True", "Trusted")
    assert told(statuses["rival"], "Ready") == ("False", "ClaimConflict")
    assert "acme-platform is claimed by the older Vendor acme" in message(statuses["rival"], "Ready")
    assert ", and 2 more" in message(statuses["rival"], "Ready")


def test_vendor_says_nothing_of_workloads_where_they_are_not_judged(acme):
    (condition,) = of_vendors(acme.vendor_manifest())["acme"].conditions
    assert condition.type == "Ready"


@pytest.mark.parametrize(
    ("judging", "holds", "reason"),
    [
        (Judging(), "True", "Judged"),
        (Judging(unexpressed=("license lic_1: !=1.2-rc is none", "and another")), "False", "RangeNotExpressible"),
        (Judging(failure="PATCH …: 403 Forbidden: no rights"), "False", "NotWritten"),
        (Judging(unexpressed=("license lic_1",), failure="no rights"), "False", "NotWritten"),
    ],
)
def test_vendor_says_how_far_its_workloads_are_judged_and_why_no_further(acme, judging, holds, reason):
    status = of_vendors(acme.vendor_manifest(), judging=judging)["acme"]
    assert told(status, "WorkloadsJudged") == (holds, reason)
    for part in (judging.failure,) if judging.failure else judging.unexpressed:
        assert part in message(status, "WorkloadsJudged")
    assert told(status, "Ready") == ("True", "Trusted")


# -- Licenses ----------------------------------------------------------------------------------------------------------


def of_token(acme: VendorSimulator, token: str, *others: str, previous: LicenseStatus | None = None) -> LicenseStatus:
    standing = assess_tokens(acme, [token, *others], clock=acme.now).standings["license-0"]
    observed = FRESH.with_status(previous.as_json(), version=7) if previous else FRESH
    return license_status(standing, observed, now=acme.now)


TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN
LICENSE_CONDITIONS: dict[Reason, tuple[Callable[[VendorSimulator], list[str]], ConditionStatus, ConditionStatus]] = {
    Reason.VERIFIED: (lambda acme: [acme.token()], TRUE, TRUE),
    Reason.IN_GRACE: (lambda acme: [acme.token_in_grace()], TRUE, TRUE),
    Reason.NOT_YET_VALID: (lambda acme: [acme.early_token()], TRUE, FALSE),
    Reason.EXPIRED: (lambda acme: [acme.expired_token()], TRUE, FALSE),
    Reason.SUPERSEDED: (lambda acme: [acme.token(series="s", sequence=n) for n in (1, 2)], TRUE, FALSE),
    Reason.MALFORMED: (lambda acme: [acme.token_with_five_parts()], FALSE, FALSE),
    Reason.SIGNATURE_INVALID: (lambda acme: [acme.forged_token()], FALSE, FALSE),
    Reason.UNKNOWN_VENDOR: (lambda acme: [acme.token_of_issuer("https://other.example")], FALSE, FALSE),
    Reason.UNKNOWN_KEY: (lambda acme: [acme.token_with_unpublished_key()], FALSE, FALSE),
    Reason.AUDIENCE_MISMATCH: (lambda acme: [acme.token_for_another_audience()], FALSE, FALSE),
    Reason.CLUSTER_MISMATCH: (lambda acme: [acme.token_for_another_cluster()], FALSE, FALSE),
}


@pytest.mark.parametrize("reason", LICENSE_CONDITIONS)
def test_license_says_whether_its_token_can_be_used_and_whether_it_counts(acme, reason):
    make, ready, valid = LICENSE_CONDITIONS[reason]
    status = of_token(acme, *make(acme))
    assert told(status, "Ready") == (ready, reason)
    assert told(status, "Valid") == (valid, reason)
    assert message(status, "Ready") == message(status, "Valid")
    assert (status.license_id is not None) == (ready is TRUE), "filled only from a verified token"


@pytest.mark.parametrize("reason", sorted(set(Reason) - {*LICENSE_CONDITIONS, Reason.ISSUER_CONFLICT}))
def test_conditions_of_the_reasons_that_no_token_has_by_itself(acme, reason):
    verified = assess_tokens(acme, [acme.token()]).standings["license-0"]
    status = license_status(replace(verified, reason=reason), FRESH, now=NOW)
    assert (told(status, "Ready"), told(status, "Valid")) == {
        Reason.REVOKED: ((TRUE, reason), (FALSE, reason)),
        Reason.SUSPENDED: ((TRUE, reason), (FALSE, reason)),
        Reason.TOKEN_UNAVAILABLE: ((FALSE, reason), (UNKNOWN, reason)),
    }[reason]


def test_license_of_vendors_with_one_issuer_cannot_be_used(acme):
    vendors = [acme, VendorSimulator(name="twin", issuer=acme.issuer)]
    standing = assess_tokens(vendors, [acme.token()]).standings["license-0"]
    status = license_status(standing, FRESH, now=NOW)
    assert told(status, "Ready") == told(status, "Valid") == ("False", "IssuerConflict")


@pytest.mark.parametrize(
    ("claims", "soon"),
    [
        ({"exp": NOW + 30 * DAY + 1}, FALSE),
        ({"exp": NOW + 30 * DAY}, TRUE),
        ({"exp": NOW + 1}, TRUE),
        ({"iat": NOW - YEAR, "nbf": NOW - YEAR, "exp": NOW - DAY, "gracePeriod": "P2D"}, TRUE),
        ({"iat": NOW - YEAR, "nbf": NOW - YEAR, "exp": NOW - DAY}, FALSE),
        ({"nbf": NOW + DAY, "exp": NOW + 2 * DAY}, FALSE),
    ],
)
def test_license_that_counts_says_thirty_days_before_that_it_expires_soon(acme, claims, soon):
    reason = "ExpiresWithin30Days" if soon is TRUE else "NotSoon"
    assert told(of_token(acme, acme.token(**claims)), "ExpiringSoon") == (soon, reason)


def test_superseded_license_does_not_expire_soon(acme):
    tokens = [acme.token(series="s", sequence=1, exp=NOW + DAY), acme.token(series="s", sequence=2)]
    assert told(of_token(acme, *tokens), "ExpiringSoon")[0] is FALSE


def test_license_says_what_is_odd_about_it(acme):
    assert told(of_token(acme, acme.token()), "Consistent") == ("True", "Consistent")
    unlisted = of_token(acme, acme.token(grants=[{"product": "unheard-of"}]))
    assert told(unlisted, "Consistent") == ("False", "ProductNotListed")
    doubled = of_token(acme, acme.token(series="s", sequence=1), acme.token(series="s", sequence=1, plan="pro"))
    assert told(doubled, "Consistent") == ("False", "SequenceConflict")
    both = of_token(
        acme,
        acme.token(series="s", sequence=1, grants=[{"product": "unheard-of"}]),
        acme.token(series="s", sequence=1),
    )
    assert told(both, "Consistent")[0] is FALSE
    assert "unheard-of" in message(both, "Consistent")
    assert "same series and sequence" in message(both, "Consistent")


def test_license_says_what_its_token_says(acme):
    token = acme.token(
        series="sub_9f2", sequence=3, trial=True, gracePeriod="P14D", customer={"name": "Globex"}, nbf=NOW - DAY
    )
    status = of_token(acme, token)
    assert (status.vendor, status.license_id, status.customer) == ("acme", "lic_0001", "Globex")
    assert (status.series, status.sequence, status.trial) == ("sub_9f2", 3, True)
    assert status.signing_key_id == "acme-2026"
    assert (status.not_before, status.not_after, status.grace_until) == (NOW - DAY, NOW + YEAR, NOW + YEAR + 14 * DAY)


def test_customer_without_a_name_is_shown_by_its_id(acme):
    assert of_token(acme, acme.token(customer={})).customer == "cust_42"


# -- what a License grants of a product --------------------------------------------------------------------------------


def test_products_are_listed_by_name_and_those_granted_more_than_once_are_merged(acme):
    grants = [
        {"product": "web", "plan": "basic"},
        {
            "product": "acme-platform",
            "plan": "basic",
            "features": {"modules": ["b"], "retention-days": 30, "sso": False},
            "limits": {"seats": {"max": 25}},
            "charts": [{"name": "acme-platform", "versions": "1.x", "channels": ["rc"]}],
            "images": [{"repository": "registry.example/acme-platform/*", "tags": "1.x"}],
            "maintenanceUntil": "2026-06-01",
        },
        {
            "product": "acme-platform",
            "plan": "pro",
            "features": {"modules": ["a"], "retention-days": 365, "sso": True},
            "limits": {"nodes": {"max": None}},
            "charts": [{"name": "acme-platform-*"}],
            "maintenanceUntil": "2027-01-01",
        },
    ]
    platform, web = of_token(acme, acme.token(grants=grants)).products
    assert (platform.name, web.name) == ("acme-platform", "web")
    assert platform.plan == "pro"
    assert platform.features == {"modules": ("a", "b"), "retention-days": 365, "sso": True}
    assert [(limit.name, limit.max, limit.unlimited) for limit in platform.limits] == [
        ("nodes", None, True),
        ("seats", 25, None),
    ]
    assert platform.charts is not None
    assert [(chart.name, chart.versions) for chart in platform.charts] == [
        ("acme-platform", "1.x"),
        ("acme-platform-*", None),
    ]
    assert platform.images is None, "one of the grants restricts them to nothing less than all"
    assert str(platform.maintenance_until) == "2027-01-01"
    assert (web.charts, web.images, web.maintenance_until) == (None, None, None)


def test_maintenance_without_an_end_in_one_grant_has_none(acme):
    grants = [{"product": "web", "maintenanceUntil": "2026-06-01"}, {"product": "web"}]
    [web] = of_token(acme, acme.token(grants=grants)).products
    assert web.maintenance_until is None


def test_empty_list_of_charts_is_told_apart_from_none(acme):
    [product] = of_token(acme, acme.token(charts=[])).products
    assert product.charts == ()


def test_what_a_status_has_no_room_for_is_left_out(acme):
    grants = [
        {
            "product": "web",
            "charts": [{"name": f"web-{letter}-{number}"} for number in range(bounds.CHARTS)],
            "limits": {f"limit-{letter}-{number:02}": {"max": 1} for number in range(bounds.LIMITS)},
            "features": {f"{letter}-{number:03}": True for number in range(bounds.FEATURES)},
        }
        for letter in "ab"
    ]
    [web] = of_token(acme, acme.token(grants=grants)).products
    assert web.charts is not None
    assert [len(part) for part in (web.charts, web.limits, web.features)] == [
        bounds.CHARTS,
        bounds.LIMITS,
        bounds.FEATURES,
    ]
    assert LicenseStatus.model_validate(of_token(acme, acme.token(grants=grants)).as_json())


# -- Entitlements ------------------------------------------------------------------------------------------------------


def projected(acme: VendorSimulator, request: Request, *tokens: str, older: dict[str, int] | None = None) -> Projection:
    """What the request is given, where an older Entitlement in the same namespace has reserved some amounts."""
    rights = evaluate(assess_tokens(acme, tokens), request.vendor, request.product, Namespace(PROD))
    reservations = [Reservation((PROD, "older"), "2025-01-01T00:00:00Z", older or {})]
    if request.limits:
        reservations.append(Reservation(request.key, request.created, request.limits))
    allocation = allocate(reservations, lambda _: rights)
    return project(request, rights, allocation, issuer=acme.issuer, cluster=CLUSTER)


def of_entitlement(
    acme: VendorSimulator,
    *tokens: str,
    older: dict[str, int] | None = None,
    problem: tuple[str, str] | None = None,
    written: dict[TargetKind, str] | None = None,
    **changes: Any,
) -> EntitlementStatus:
    request = Request(KEY, CREATED, "acme", "acme-platform", **changes)
    if written is None:
        written = {TargetKind.CONFIG_MAP: "config", TargetKind.SECRET: "token"}
    projection = projected(acme, request, *tokens, older=older)
    return entitlement_status(request, projection, FRESH, written=written, problem=problem, now=NOW)


@pytest.mark.parametrize(
    ("make", "holds", "state", "words"),
    [
        (lambda acme: [acme.token()], TRUE, State.ACTIVE, "lic_0001 until 2027-01-01T00:00:00Z"),
        (lambda acme: [acme.token_in_grace()], TRUE, State.GRACE, "grace period ends at 2026-01-14T00:00:00Z"),
        (lambda acme: [acme.expired_token()], FALSE, State.EXPIRED, "Apply a renewed license"),
        (lambda acme: [], FALSE, State.UNLICENSED, "acme-platform of vendor acme to namespace prod-eu"),
    ],
)
def test_entitlement_says_what_state_it_is_in(acme, make, holds, state, words):
    status = of_entitlement(acme, *make(acme))
    assert status.state is state
    assert told(status, "Licensed") == (holds, state)
    assert words in message(status, "Licensed")
    assert told(status, "Ready") == (TRUE, "Projected"), "what is projected holds, whatever it says"


def test_entitlement_says_where_it_is_written(acme):
    status = of_entitlement(acme)
    assert [(target.kind, target.name) for target in status.targets] == [("ConfigMap", "config"), ("Secret", "token")]
    assert "ConfigMap config and Secret token" in message(status, "Ready")


def test_entitlement_says_what_keeps_it_from_being_written(acme):
    problem = ("TargetConflict", "Secret token exists")
    status = of_entitlement(acme, acme.token(), written={TargetKind.CONFIG_MAP: "config"}, problem=problem)
    assert told(status, "Ready") == (FALSE, "TargetConflict")
    assert message(status, "Ready") == "Secret token exists"
    assert [target.kind for target in status.targets] == ["ConfigMap"]
    assert told(status, "Licensed") == (TRUE, "Active"), "that is another matter"


@pytest.mark.parametrize(
    ("limits", "older", "answer", "granted"),
    [
        ({}, {}, (TRUE, "Shared"), 10),
        ({}, {"seats": 4}, (TRUE, "Shared"), 6),
        ({"seats": 6}, {"seats": 4}, (TRUE, "Granted"), 6),
        ({"seats": 7}, {"seats": 4}, (FALSE, "PoolExhausted"), 6),
        ({"seats": 1}, {"seats": 10}, (FALSE, "PoolExhausted"), 0),
        ({"seats": 0}, {"seats": 10}, (TRUE, "Granted"), 0),
    ],
)
def test_entitlement_says_whether_it_was_given_what_it_reserves(acme, limits, older, answer, granted):
    status = of_entitlement(acme, acme.token(limits={"seats": {"max": 10}}), limits=limits, older=older)
    assert told(status, "LimitsGranted") == answer
    [seats] = status.limits
    assert (seats.requested, seats.granted, seats.shared) == (limits.get("seats"), granted, not limits)
    if answer[0] is FALSE:
        assert f"seats ({granted} of {limits['seats']})" in message(status, "LimitsGranted")


def test_reservation_of_what_no_license_limits_is_granted_nothing_and_says_so(acme):
    status = of_entitlement(acme, acme.token(), limits={"seats": 5})
    assert told(status, "LimitsGranted") == (FALSE, "PoolExhausted")
    [seats] = status.limits
    assert (seats.name, seats.requested, seats.granted, seats.unlimited, seats.shared) == ("seats", 5, 0, None, False)


def test_unlimited_is_told_apart_from_nothing(acme):
    token = acme.token(limits={"seats": {"max": None}})
    [shared] = of_entitlement(acme, token).limits
    assert (shared.granted, shared.unlimited, shared.shared) == (None, True, True)
    [reserved] = of_entitlement(acme, token, limits={"seats": 5}).limits
    assert (reserved.granted, reserved.unlimited, reserved.shared) == (5, None, False)


def test_entitlement_says_what_its_licenses_contradict_each_other_in(acme):
    assert told(of_entitlement(acme, acme.token()), "Consistent") == (TRUE, "Consistent")
    limits = [acme.token(limits={"seats": {"max": 5, "per": per}}) for per in ("day", "month")]
    assert told(of_entitlement(acme, *limits), "Consistent") == (FALSE, "LimitsConflict")
    features = [acme.token(features={"sso": value}) for value in (True, "gold")]
    assert told(of_entitlement(acme, *features), "Consistent") == (FALSE, "FeatureTypeConflict")


def test_entitlement_says_what_it_is_given_and_by_which_licenses(acme):
    tokens = [acme.token(plan="pro", features={"sso": True, "audit": True}), acme.token(exp=NOW + 2 * YEAR)]
    status = of_entitlement(acme, *tokens, features=frozenset({"sso", "unheard-of"}))
    assert (status.plan, status.features, status.licenses) == ("pro", {"sso": True}, ("lic_0001", "lic_0002"))
    assert (status.not_after, status.grace_until) == (NOW + 2 * YEAR, NOW + 2 * YEAR)


def test_what_many_licenses_give_together_fits_into_a_status(acme):
    tokens = [
        acme.token(
            features={"modules": [f"{number}-{item}" for item in range(200)]},
            limits={"calls": {"max": bounds.LIMIT_MAX}},
        )
        for number in range(3)
    ]
    status = of_entitlement(acme, *tokens)
    modules = status.features["modules"]
    assert isinstance(modules, tuple)
    assert len(modules) == bounds.FEATURE_LIST_ITEMS
    assert [limit.granted for limit in status.limits] == [bounds.LIMIT_MAX]


# -- when --------------------------------------------------------------------------------------------------------------


def test_conditions_keep_the_time_at_which_they_came_to_hold(acme):
    def at(now: int, previous: Observed) -> LicenseStatus:
        standing = assess_tokens(acme, [token], clock=now).standings["license-0"]
        return license_status(standing, replace(previous, generation=4), now=now)

    token = acme.token(gracePeriod="P14D")
    known = FRESH.with_status(at(NOW, FRESH).as_json(), version=7)
    assert at(NOW + DAY, known) == at(NOW, known), "the same, so that nothing is written"
    later = at(NOW + YEAR, known)
    times = {condition.type: condition.last_transition_time for condition in later.conditions}
    assert times == {"Ready": NOW, "Valid": NOW, "ExpiringSoon": NOW + YEAR, "Consistent": NOW}
    assert {condition.observed_generation for condition in later.conditions} == {4}
