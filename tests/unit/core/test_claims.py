import copy
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.core import bounds
from licet.core.claims import Claims, read_claims
from licet.core.reasons import OnExpiry, Period
from licet.core.semver import Version
from support.properties import quick
from support.vendor_simulator import ABSENT, DAY, NOW, YEAR, VendorSimulator, to_json

DATES = ["iat", "nbf", "exp"]
REQUIRED = ["iss", "sub", "aud", "jti", "iat", "exp", "license"]


@pytest.fixture
def acme() -> VendorSimulator:
    return VendorSimulator()


def read(claims: dict[str, Any]) -> Claims:
    return read_claims(to_json(claims))


def problem(claims: dict[str, Any]) -> str:
    with pytest.raises(ValueError, match=": ") as caught:
        read(claims)
    return str(caught.value)


def grant(acme: VendorSimulator, **changes: Any) -> Any:
    return read(acme.claims(**changes)).license.grants[0]


# -- the contract's example, and what may be absent --------------------------------------------------------------------

EXAMPLE = """{
  "iss": "https://licenses.acme.example", "sub": "cust_42", "aud": "licet.dev",
  "jti": "lic_01JD2Q", "iat": 1767225600, "nbf": 1767225600, "exp": 1798761600,
  "license": {
    "series": "sub_9f2", "sequence": 3,
    "customer": {"name": "Globex"},
    "trial": false, "gracePeriod": "P14D", "onExpiry": "Revoke",
    "bindings": {"clusters": ["0d5a7a5e-3c1f-4f0e-9b6e-0c6f2f1f7a11"], "namespaces": ["prod-*"]},
    "grants": [{
      "product": "acme-platform", "plan": "pro",
      "features": {"sso": true, "retention-days": 365, "modules": ["a", "b"], "support": "gold"},
      "limits": {"seats": {"max": 25}, "api-calls": {"max": 100000, "per": "month", "overage": "20%"}},
      "charts": [{"name": "acme-platform", "versions": ">=2.0.0 <3.0.0", "channels": ["rc"]}],
      "images": [{"repository": "registry.acme.example/platform/*", "tags": ">=2.0.0 <3.0.0"}],
      "maintenanceUntil": "2027-01-01"
    }]
  }
}"""


def test_every_claim_of_the_contract_is_read():
    claims = read_claims(EXAMPLE.encode())
    assert (claims.iss, claims.sub, claims.audiences) == ("https://licenses.acme.example", "cust_42", ("licet.dev",))
    assert (claims.jti, claims.iat, claims.nbf, claims.exp) == ("lic_01JD2Q", NOW, NOW, NOW + YEAR)
    license_ = claims.license
    assert (license_.series, license_.sequence, license_.customer.name) == ("sub_9f2", 3, "Globex")
    assert (license_.trial, license_.grace_period, license_.on_expiry) == (False, 14 * DAY, OnExpiry.REVOKE)
    assert claims.grace_until == NOW + YEAR + 14 * DAY
    assert license_.bindings.allows_cluster("0d5a7a5e-3c1f-4f0e-9b6e-0c6f2f1f7a11")
    assert license_.bindings.allows_namespace("prod-eu")
    (granted,) = license_.grants
    assert (granted.product, granted.plan, granted.maintenance_until) == ("acme-platform", "pro", date(2027, 1, 1))
    assert granted.features == {"sso": True, "retention-days": 365, "modules": ("a", "b"), "support": "gold"}
    seats, calls = granted.limits["seats"], granted.limits["api-calls"]
    assert (seats.max, seats.per, seats.overage) == (25, None, "deny")
    assert (calls.max, calls.per, calls.overage) == (100_000, Period.MONTH, "20%")
    assert granted.charts[0].covers("acme-platform", Version.parse("2.4.0-rc.1"))
    assert granted.images[0].covers("registry.acme.example/platform/web", "2.4.0")


def test_what_is_absent_does_not_restrict(acme):
    claims = read(acme.claims(nbf=ABSENT, customer=ABSENT))
    assert claims.nbf == 0
    assert (claims.license.series, claims.license.sequence, claims.license.trial) == (None, 0, False)
    assert claims.grace_until == claims.exp
    assert claims.license.bindings.allows_cluster("any")
    assert claims.license.bindings.allows_namespace("any")
    (granted,) = claims.license.grants
    assert (granted.plan, granted.features, granted.limits) == (None, {}, {})
    assert (granted.charts, granted.images, granted.maintenance_until) == (None, None, None)


@pytest.mark.parametrize("claim", REQUIRED)
def test_required_claims_have_to_be_there(acme, claim):
    assert problem(acme.claims(**{claim: ABSENT})) == f"{claim}: is missing"


def test_a_license_grants_a_product(acme):
    assert problem(acme.claims(product=ABSENT)) == "license.grants.0.product: is missing"
    assert problem(acme.claims(grants=ABSENT)) == "license.grants: is missing"
    assert problem(acme.claims(grants=[])).startswith("license.grants: ")


# -- registered claims -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", DATES)
@pytest.mark.parametrize("instant", [0, bounds.NUMERIC_DATE_MAX])
def test_instants_are_whole_seconds_of_four_digit_years(acme, claim, instant):
    assert getattr(read(acme.claims(**{claim: instant})), claim) == instant


@pytest.mark.parametrize("claim", DATES)
@pytest.mark.parametrize(
    "value",
    [
        -1,
        bounds.NUMERIC_DATE_MAX + 1,
        2**63,
        2**64,
        10**300,
        1767225600.0,
        1767225600.5,
        1e12,
        "1767225600",
        "2026-01-01T00:00:00Z",
        True,
        False,
        None,
        [],
        [1767225600],
        {},
    ],
)
def test_instants_of_other_kinds_are_malformed(acme, claim, value):
    assert problem(acme.claims(**{claim: value})).startswith(f"{claim}: ")


@pytest.mark.parametrize("claim", ["iss", "sub", "jti", "aud"])
@pytest.mark.parametrize("value", [None, 7, True, {}, "", "x" * 257, "line\nbreak", "nul\x00", "\x7f", "\x85"])
def test_texts_are_of_1_to_256_printable_characters(acme, claim, value):
    assert problem(acme.claims(**{claim: value})).startswith(claim)


@pytest.mark.parametrize("claim", ["iss", "sub", "jti"])
def test_text_of_256_characters_of_any_script_is_read(acme, claim):
    assert read(acme.claims(**{claim: 256 * "ß"}))


@pytest.mark.parametrize("audience", [["licet.dev", None], ["licet.dev", 7], [["licet.dev"]], ["licet.dev", ""]])
def test_audiences_are_texts(acme, audience):
    assert problem(acme.claims(aud=audience)).startswith("aud.list.")


def test_audience_of_another_kind_is_told_what_it_should_be(acme):
    assert problem(acme.claims(aud=7)) == "aud: is not a string or a list of strings"


@pytest.mark.parametrize("sequence", [0, 1, 2**53 - 1])
def test_sequence_is_an_integer_up_to_2_53_less_1(acme, sequence):
    assert read(acme.claims(sequence=sequence)).license.sequence == sequence


@pytest.mark.parametrize("sequence", [-1, 2**53, 1.0, "1", None, True, [1]])
def test_other_sequences_are_malformed(acme, sequence):
    assert problem(acme.claims(sequence=sequence)).startswith("license.sequence: ")


@pytest.mark.parametrize("period", ["P1Y", "14D", "", 14, None, "P3654D", ["P14D"]])
def test_grace_period_is_a_duration_of_at_most_ten_years(acme, period):
    assert problem(acme.claims(gracePeriod=period)).startswith("license.gracePeriod: ")


def test_grace_period_ends_with_time_itself(acme):
    claims = read(acme.claims(exp=bounds.NUMERIC_DATE_MAX, gracePeriod="P3653D"))
    assert claims.grace_until == bounds.NUMERIC_DATE_MAX


# -- empty, null and wrong ---------------------------------------------------------------------------------------------

RESTRICTIONS = ["series", "sequence", "customer", "trial", "gracePeriod", "onExpiry", "bindings", "critical", "grants"]
RESTRICTIONS_OF_GRANT = ["product", "plan", "features", "limits", "charts", "images", "maintenanceUntil"]


@pytest.mark.parametrize("member", [*RESTRICTIONS, *RESTRICTIONS_OF_GRANT])
@pytest.mark.parametrize("value", [None, 1.5, [None]], ids=["null", "number", "list of null"])
def test_null_and_wrong_types_are_malformed(acme, member, value):
    assert member in problem(acme.claims(**{member: value}))


@pytest.mark.parametrize(
    ("parent", "value"),
    [
        ("customer", {"name": None}),
        ("bindings", {"clusters": None}),
        ("bindings", {"clusters": "0d5a7a5e"}),
        ("bindings", {"clusters": [None]}),
        ("bindings", {"namespaces": None}),
        ("bindings", {"namespaces": "prod-*"}),
        ("bindings", {"namespaces": [7]}),
        ("bindings", {"namespaces": [""]}),
        ("charts", [{"name": None}]),
        ("charts", [{"name": ["acme"]}]),
        ("charts", [{}]),
        ("charts", [{"name": "acme", "versions": None}]),
        ("charts", [{"name": "acme", "versions": ""}]),
        ("charts", [{"name": "acme", "versions": [">=2"]}]),
        ("charts", [{"name": "acme", "versions": "latest"}]),
        ("charts", [{"name": "acme", "channels": None}]),
        ("charts", [{"name": "acme", "channels": "rc"}]),
        ("charts", [{"name": "acme", "channels": ["rc", None]}]),
        ("charts", [{"name": "acme", "channels": ["rc.1"]}]),
        ("charts", [{"name": "acme", "channels": ["rc1"]}]),
        ("charts", ["acme"]),
        ("images", [{"repository": None}]),
        ("images", [{}]),
        ("images", [{"repository": "r/*", "tags": None}]),
        ("images", [{"repository": "r/*", "tags": ""}]),
        ("images", [{"repository": "r/*", "tags": "no tag"}]),
        ("images", [{"repository": "r/*", "channels": None}]),
        ("limits", {"seats": None}),
        ("limits", {"seats": 25}),
        ("limits", {"seats": {}}),
        ("limits", {"seats": {"max": "25"}}),
        ("limits", {"seats": {"max": 25.0}}),
        ("limits", {"seats": {"max": -1}}),
        ("limits", {"seats": {"max": True}}),
        ("limits", {"seats": {"max": 25, "per": None}}),
        ("limits", {"seats": {"max": 25, "per": "week"}}),
        ("limits", {"seats": {"max": 25, "overage": None}}),
        ("limits", {"seats": {"max": 25, "overage": "20"}}),
        ("limits", {"seats": {"max": 25, "overage": "-1%"}}),
        ("limits", {"seats": {"max": 25, "overage": 20}}),
        ("features", {"sso": None}),
        ("features", {"sso": 1.5}),
        ("features", {"sso": {}}),
        ("features", {"sso": [True]}),
        ("features", {"sso": ["a", ["b"]]}),
        ("features", {"sso": "a,b"}),
        ("features", {"sso": ["a,b"]}),
        ("features", {"sso": "a\nb"}),
        ("features", {"sso": ["\x1b[2J"]}),
        ("features", {"sso": "x" * 1025}),
        ("features", {"sso": 2**53}),
        ("maintenanceUntil", "2026-02-30"),
        ("maintenanceUntil", "2027-01-01T00:00:00Z"),
        ("maintenanceUntil", 1798761600),
        ("onExpiry", "revoke"),
        ("onExpiry", ""),
        ("trial", 0),
        ("trial", "false"),
        ("critical", [""]),
    ],
)
def test_members_that_mean_nothing_are_malformed(acme, parent, value):
    assert parent in problem(acme.claims(**{parent: value}))


def test_empty_lists_of_bindings_match_nothing(acme):
    bindings = read(acme.claims(bindings={"clusters": [], "namespaces": []})).license.bindings
    assert not bindings.allows_cluster("")
    assert not bindings.allows_namespace("default")


def test_empty_lists_of_charts_and_images_are_kept_as_such(acme):
    granted = grant(acme, charts=[], images=[])
    assert (granted.charts, granted.images) == ((), ())


def test_no_channels_and_an_empty_list_of_them_admit_no_prerelease(acme):
    for entry in ({}, {"channels": []}):
        (chart,) = grant(acme, charts=[{"name": "acme", "versions": ">=2", **entry}]).charts
        assert not chart.covers("acme", Version.parse("2.1.0-rc.1"))


def test_unlimited_is_written_null(acme):
    assert grant(acme, limits={"seats": {"max": None}}).limits["seats"].max is None


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "a-", "retention-days", "a1-2", "a" + 62 * "b"])
def test_names_begin_with_a_letter(acme, name):
    granted = grant(acme, product=name, plan=name, features={name: True}, limits={name: {"max": 1}})
    assert (granted.product, granted.plan, *granted.features, *granted.limits) == (name, name, name, name)


@pytest.mark.parametrize("name", ["", "A", "1a", "-a", "a_b", "a.b", "a b", "a\n", "é", "a" + 63 * "b"])
@pytest.mark.parametrize("kind", ["product", "plan", "features", "limits"])
def test_other_names_are_malformed(acme, kind, name):
    value = {"features": {name: True}, "limits": {name: {"max": 1}}}.get(kind, name)
    assert "is not a name" in problem(acme.claims(**{kind: value}))


@pytest.mark.parametrize("name", ["seats-unlimited", "x-unlimited"])
def test_name_of_a_limit_does_not_end_in_unlimited(acme, name):
    assert "does not end in '-unlimited'" in problem(acme.claims(limits={name: {"max": 1}}))
    assert grant(acme, features={name: True}).features
    assert grant(acme, limits={"unlimited": {"max": 1}}).limits


# -- features ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (True, True),
        (False, False),
        (0, 0),
        (-(2**53) + 1, -(2**53) + 1),
        ("", ""),
        ("gold", "gold"),
        ([], ()),
        (["b", "a"], ("b", "a")),
    ],
)
def test_features_are_booleans_integers_strings_and_lists_of_strings(acme, value, kept):
    feature = grant(acme, features={"f": value}).features["f"]
    assert feature == kept
    assert type(feature) is type(kept)


def test_what_is_wrong_with_a_feature_is_said_of_its_kind(acme):
    where = "license.grants.0.features.f"
    assert problem(acme.claims(features={"f": 1.5})) == (
        f"{where}: is not a boolean, an integer, a string or a list of strings"
    )
    assert problem(acme.claims(features={"f": ["a", "b,c"]})) == (
        f"{where}.list.1: contains a comma or a control character"
    )


# -- what is not known -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [[], ["license"], ["license", "customer"], ["license", "grants", 0], ["license", "grants", 0, "limits", "seats"]],
)
def test_unknown_members_are_ignored(acme, path):
    claims = acme.claims(limits={"seats": {"max": 1}})
    parent: Any = claims
    for step in path:
        parent = parent[step]
    parent.update({"future": None, "grace_period": "P14D", "maintenance_until": 7})
    assert read(claims)


def test_unknown_member_of_bindings_is_malformed(acme):
    assert problem(acme.claims(bindings={"nodes": []})) == (
        "license.bindings.nodes: is not known to this version of licet"
    )


@pytest.mark.parametrize("critical", [["future"], ["bindings", "future"], ["maintenance_until"], ["seats"]])
def test_unknown_critical_member_makes_the_license_malformed_whether_it_is_there_or_not(acme, critical):
    assert f"critical names {critical[-1]}" in problem(acme.claims(critical=critical, limits={"seats": {"max": 1}}))
    claims = acme.claims(critical=critical)
    claims["license"]["future"] = 1
    assert "critical names" in problem(claims)


@pytest.mark.parametrize(
    "critical", [[], ["bindings"], ["maintenanceUntil", "charts", "versions", "channels"], ["nbf"], ["per"]]
)
def test_known_critical_members_are_understood(acme, critical):
    assert read(acme.claims(critical=critical))


@pytest.mark.parametrize(
    ("parent", "member"),
    [
        ([], "maintenanceUntil"),
        (["license"], "namespaces"),
        (["license"], "maintenanceUntil"),
        (["license", "customer"], "clusters"),
        (["license", "grants", 0], "namespaces"),
        (["license", "grants", 0], "nbf"),
        (["license", "grants", 0, "charts", 0], "max"),
    ],
)
def test_critical_member_is_not_understood_where_only_a_namesake_elsewhere_is(acme, parent, member):
    claims = acme.claims(critical=[member], charts=[{"name": "acme"}])
    place: Any = claims
    for step in parent:
        place = place[step]
    place[member] = ["prod"]
    assert f"{member}: is not known to this version of licet, and critical names it" in problem(claims)


# -- messages ----------------------------------------------------------------------------------------------------------


def test_messages_are_short_and_printable_whatever_the_members_are_called(acme):
    for name in ("x" * 60_000, "\x1b[2J\n", "\u202e"):
        message = problem(acme.claims(bindings={name: 1}))
        assert len(message) < 512
        assert message.isprintable()
    message = problem(acme.claims(critical=[f"{number:0200}" for number in range(32)]))
    assert len(message) < 512


def test_errors_do_not_carry_the_claims(acme):
    with pytest.raises(ValueError, match=r"license\.series") as caught:
        read(acme.claims(series={"password": "5ecret"}))
    assert "5ecret" not in f"{caught.value!r}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


# -- bounds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "changes"),
    [
        (bounds.GRANTS, lambda count: {"grants": [{"product": "p"}] * count}),
        (bounds.FEATURES, lambda count: {"features": {f"f{number}": True for number in range(count)}}),
        (bounds.FEATURE_LIST_ITEMS, lambda count: {"features": {"f": ["x"] * count}}),
        (bounds.LIMITS, lambda count: {"limits": {f"f{number}": {"max": 1} for number in range(count)}}),
        (bounds.CHARTS, lambda count: {"charts": [{"name": "c"}] * count}),
        (bounds.IMAGES, lambda count: {"images": [{"repository": "c"}] * count}),
        (bounds.CHANNELS, lambda count: {"charts": [{"name": "c", "channels": ["rc"] * count}]}),
        (bounds.BINDINGS, lambda count: {"bindings": {"clusters": ["c"] * count}}),
        (bounds.BINDINGS, lambda count: {"bindings": {"namespaces": ["c"] * count}}),
        (bounds.CRITICAL, lambda count: {"critical": ["exp"] * count}),
        (bounds.LIMIT_MAX, lambda count: {"limits": {"seats": {"max": count}}}),
        (bounds.FEATURE_TEXT_LENGTH, lambda count: {"features": {"f": "x" * count}}),
        (bounds.TEXT_LENGTH, lambda count: {"series": "x" * count}),
        (bounds.TEXT_LENGTH, lambda count: {"customer": {"name": "x" * count}}),
        (bounds.RANGE_LENGTH, lambda count: {"charts": [{"name": "c", "versions": f"{'1.0.0':<{count}}"}]}),
    ],
)
def test_every_bound_is_kept_to(acme, count, changes):
    assert read(acme.claims(**changes(count)))
    assert problem(acme.claims(**changes(count + 1)))


# -- properties --------------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)


@st.composite
def nearly_good_claims(draw: st.DrawFn) -> Any:
    """Good claims, with anything put in the place of one value."""
    claims = json.loads(EXAMPLE)
    parent = claims
    while True:
        key = draw(st.sampled_from(sorted(parent) if isinstance(parent, dict) else range(len(parent))))
        if not isinstance(parent[key], dict | list) or not parent[key] or draw(st.booleans()):
            parent[key] = draw(json_values)
            return claims
        parent = parent[key]


@quick
@given(nearly_good_claims() | json_values)
def test_whatever_json_comes_only_a_value_error_is_raised(document):
    try:
        claims = read(copy.deepcopy(document))
    except ValueError as error:
        message = str(error)
    else:
        message = claims.jti
    assert message


@quick
@given(st.binary())
def test_whatever_bytes_come_only_a_value_error_is_raised(raw):
    with pytest.raises(ValueError, match=r"\w"):
        read_claims(raw)
