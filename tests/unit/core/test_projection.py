import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.core.allocation import Allocation, Reservation, allocate
from licet.core.evaluate import Rights, evaluate
from licet.core.namespaces import Namespace
from licet.core.projection import Projection, Request, project
from support.assessing import assess_tokens
from support.properties import quick
from support.vendor_simulator import CLUSTER, DAY, NOW, YEAR, VendorSimulator

KEY = ("prod-eu", "platform")
MEMBERS = {
    *("schemaVersion", "vendor", "issuer", "product", "plan", "customer", "trial", "state", "notAfter", "graceUntil"),
    *("features", "limits", "licenses", "clusterUID"),
}


@pytest.fixture
def acme() -> VendorSimulator:
    return VendorSimulator()


def projected(
    acme: VendorSimulator,
    *tokens: str,
    features: frozenset[str] | None = None,
    limits: dict[str, int] | None = None,
    clock: int = NOW,
) -> Projection:
    """What an Entitlement gets that asks for these, beside no other."""
    request = Request(KEY, "2026-01-01T00:00:00Z", "acme", "acme-platform", features, limits or {})
    rights = evaluate(assess_tokens(acme, tokens, clock=clock), "acme", "acme-platform", Namespace(KEY[0]))
    allocation = allocate([Reservation(KEY, request.created, request.limits)], lambda _: rights)
    return project(request, rights, allocation, issuer=acme.issuer, cluster=CLUSTER)


def document(projection: Projection) -> dict[str, Any]:
    read = json.loads(projection.config_map_data["entitlements.json"])
    assert isinstance(read, dict)
    return read


def flat(projection: Projection) -> dict[str, str]:
    return {key: value for key, value in projection.config_map_data.items() if key != "entitlements.json"}


# -- the document ------------------------------------------------------------------------------------------------------


def test_document_is_that_of_the_contract(acme):
    token = acme.token(
        jti="lic_01JD2Q", gracePeriod="P14D", plan="pro", features={"sso": True}, limits={"seats": {"max": 25}}
    )
    assert projected(acme, token, limits={"seats": 10}).config_map_data["entitlements.json"] == (
        f'{{"clusterUID":"{CLUSTER}","customer":"Globex","features":{{"sso":true}},"graceUntil":"2027-01-15T00:00:00Z",'
        '"issuer":"https://licenses.acme.example","licenses":["lic_01JD2Q"],'
        '"limits":{"seats":{"max":10,"overage":"deny","per":null,"shared":false}},"notAfter":"2027-01-01T00:00:00Z",'
        '"plan":"pro","product":"acme-platform","schemaVersion":1,"state":"Active","trial":false,"vendor":"acme"}'
    )


def test_what_is_missing_stays_in_the_document_as_empty(acme):
    assert document(projected(acme)) == {
        "schemaVersion": 1,
        "vendor": "acme",
        "issuer": "https://licenses.acme.example",
        "product": "acme-platform",
        "plan": "",
        "customer": "",
        "trial": False,
        "state": "Unlicensed",
        "notAfter": None,
        "graceUntil": None,
        "features": {},
        "limits": {},
        "licenses": [],
        "clusterUID": CLUSTER,
    }


@pytest.mark.parametrize(
    "make",
    [
        VendorSimulator.token,
        VendorSimulator.token_in_grace,
        VendorSimulator.expired_token,
        VendorSimulator.early_token,
    ],
)
def test_every_member_is_always_present(acme, make):
    assert document(projected(acme, make(acme))).keys() == MEMBERS


def test_text_of_any_script_stays_as_it_is(acme):
    projection = projected(acme, acme.token(customer={"name": "Zoë & Söhne <AG>"}))
    assert '"customer":"Zoë & Söhne <AG>"' in projection.config_map_data["entitlements.json"]


def test_features_of_every_type_are_written_as_json_has_them(acme):
    features = {"sso": True, "off": False, "days": -365, "support": "gold", "modules": ["a", "b"], "none": []}
    assert document(projected(acme, acme.token(features=features)))["features"] == features


def test_limit_that_is_not_reserved_is_shared(acme):
    limits = {"seats": {"max": 25}, "api-calls": {"max": 100, "per": "month", "overage": "20%"}}
    written = document(projected(acme, acme.token(limits=limits), limits={"seats": 10}))["limits"]
    assert written == {
        "seats": {"max": 10, "per": None, "overage": "deny", "shared": False},
        "api-calls": {"max": 100, "per": "month", "overage": "20%", "shared": True},
    }


def test_unlimited_is_null(acme):
    token = acme.token(limits={"seats": {"max": None}})
    assert document(projected(acme, token))["limits"]["seats"]["max"] is None
    assert document(projected(acme, token, limits={"seats": 10}))["limits"]["seats"]["max"] == 10


def test_reservation_that_does_not_fit_gets_what_is_left(acme):
    token = acme.token(limits={"seats": {"max": 7}})
    assert document(projected(acme, token, limits={"seats": 10}))["limits"]["seats"]["max"] == 7


def test_reservation_of_what_is_not_licensed_does_not_show_up(acme):
    assert document(projected(acme, acme.token(), limits={"seats": 10}))["limits"] == {}


def test_entitlement_that_was_not_allotted_anything_has_nothing_of_what_it_reserves(acme):
    rights = evaluate(
        assess_tokens(acme, [acme.token(limits={"seats": {"max": 7}})]), "acme", "acme-platform", Namespace("prod-eu")
    )
    request = Request(KEY, "", "acme", "acme-platform", limits={"seats": 10})
    assert project(request, rights, Allocation(), issuer="", cluster="").limits["seats"].max == 0


def test_only_features_that_are_asked_for_are_projected(acme):
    token = acme.token(features={"sso": True, "audit": True})
    assert document(projected(acme, token, features=frozenset({"sso", "other"})))["features"] == {"sso": True}
    assert document(projected(acme, token, features=frozenset()))["features"] == {}


def test_licenses_are_listed_by_id(acme):
    projection = projected(acme, acme.token(jti="b"), acme.token(jti="a"))
    assert document(projection)["licenses"] == ["a", "b"] == list(projection.license_ids)


@pytest.mark.parametrize(
    ("clock", "state"), [(NOW, "Active"), (NOW + YEAR, "Grace"), (NOW + YEAR + 14 * DAY, "Expired")]
)
def test_state_says_what_holds(acme, clock, state):
    token = acme.token(gracePeriod="P14D", onExpiry="Keep", features={"sso": True}, limits={"seats": {"max": 5}})
    projection = projected(acme, token, clock=clock)
    assert (document(projection)["state"], flat(projection)["LICET_STATE"]) == (state, state)
    assert document(projection)["features"] == {"sso": True}


def test_trial_is_said(acme):
    assert document(projected(acme, acme.token(trial=True)))["trial"] is True


# -- flat keys ---------------------------------------------------------------------------------------------------------


def test_flat_keys_are_those_of_the_contract(acme):
    token = acme.token(
        plan="pro",
        features={"sso": True, "modules": ["a", "b"], "retention-days": 365, "beta": False, "support": "gold"},
        limits={"seats": {"max": 25}, "api-calls": {"max": None, "per": "month"}},
    )
    assert flat(projected(acme, token, limits={"seats": 10})) == {
        "LICET_STATE": "Active",
        "LICET_PLAN": "pro",
        "LICET_NOT_AFTER": "2027-01-01T00:00:00Z",
        "LICET_FEATURE_SSO": "true",
        "LICET_FEATURE_BETA": "false",
        "LICET_FEATURE_MODULES": "a,b",
        "LICET_FEATURE_RETENTION_DAYS": "365",
        "LICET_FEATURE_SUPPORT": "gold",
        "LICET_LIMIT_SEATS": "10",
        "LICET_LIMIT_API_CALLS_UNLIMITED": "true",
    }


def test_flat_keys_that_every_entitlement_has_are_there_without_a_license(acme):
    assert flat(projected(acme)) == {"LICET_STATE": "Unlicensed", "LICET_PLAN": "", "LICET_NOT_AFTER": ""}


def test_features_and_limits_of_one_name_do_not_collide(acme):
    token = acme.token(features={"seats": True, "seats-unlimited": "x"}, limits={"seats": {"max": None}})
    keys = flat(projected(acme, token))
    assert (keys["LICET_FEATURE_SEATS"], keys["LICET_FEATURE_SEATS_UNLIMITED"]) == ("true", "x")
    assert keys["LICET_LIMIT_SEATS_UNLIMITED"] == "true"


# -- the Secret --------------------------------------------------------------------------------------------------------


def test_secret_has_the_counting_tokens_one_a_line_and_the_same_document(acme):
    tokens = {jti: acme.token(jti=jti) for jti in ("b", "a")}
    trial, old = acme.token(trial=True), acme.token(grants=[{"product": "acme-database"}])
    projection = projected(acme, *tokens.values(), trial, old, acme.forged_token())
    assert projection.secret_data == {
        "licenses.jwt": f"{tokens['a']}\n{tokens['b']}\n",
        "entitlements.json": projection.config_map_data["entitlements.json"],
    }


def test_secret_without_a_license_has_no_tokens(acme):
    assert projected(acme).secret_data["licenses.jwt"] == ""


def test_config_map_has_no_token_and_a_projection_does_not_show_one(acme):
    token = acme.token()
    projection = projected(acme, token)
    assert not any(token in value for value in projection.config_map_data.values())
    assert token not in repr(projection)


# -- properties --------------------------------------------------------------------------------------------------------

ACME = VendorSimulator()
names = st.from_regex(r"[a-z][a-z0-9-]{0,5}", fullmatch=True)
values = st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "gold", "ü"]) | st.lists(st.sampled_from("ab"))
grants = st.fixed_dictionaries(
    {
        "features": st.dictionaries(names, values, max_size=4),
        "limits": st.dictionaries(
            names.filter(lambda name: not name.endswith("-unlimited")),
            st.fixed_dictionaries({"max": st.none() | st.integers(0, 9)}),
            max_size=4,
        ),
    }
)


@quick
@given(grants, st.randoms(use_true_random=False))
def test_the_same_rights_give_the_same_bytes(grant, random):
    def shuffled(members: dict[str, Any]) -> dict[str, Any]:
        return dict(random.sample(list(members.items()), len(members)))

    claims = ACME.claims(**grant)
    again = {**claims, "license": {**claims["license"], "grants": [{"product": "acme-platform"}]}}
    again["license"]["grants"][0] |= {member: shuffled(value) for member, value in grant.items()}
    one, other = projected(ACME, ACME.sign(claims)), projected(ACME, ACME.sign(again))
    assert one.config_map_data == other.config_map_data
    assert one.rights.features == other.rights.features


@quick
@given(grants, grants)
def test_other_rights_give_other_bytes(grant, other_grant):
    one, other = (projected(ACME, ACME.token(jti="one", **each)) for each in (grant, other_grant))
    same = (one.features, one.limits) == (other.features, other.limits)
    same = same and repr(sorted(one.features.items())) == repr(sorted(other.features.items()))  # True is not 1 here
    assert (one.config_map_data == other.config_map_data) == same


@quick
@given(grants)
def test_every_value_has_a_flat_key_that_config_maps_and_shells_take(grant):
    projection = projected(ACME, ACME.token(**grant))
    keys = flat(projection)
    assert len(keys) == 3 + len(projection.features) + len(projection.limits)
    for key, value in keys.items():
        assert re.fullmatch(r"LICET_[A-Z0-9_]+", key)
        assert "\n" not in value
    written = projection.config_map_data["entitlements.json"]
    assert written == json.dumps(json.loads(written), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def test_rights_without_a_vendor_are_projected_as_unlicensed():
    request = Request(KEY, "", "gone", "acme-platform")
    projection = project(request, Rights(), Allocation(), issuer="", cluster=CLUSTER)
    assert (document(projection)["state"], document(projection)["issuer"]) == ("Unlicensed", "")
