import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.cluster.records import (
    KeptToken,
    LicenseRecord,
    SecretRef,
    VendorRecord,
    read_break_glass,
    read_namespace,
    read_ran_here,
    read_request,
)
from licet.core.breakglass import BreakGlass
from licet.core.namespaces import Namespace, NamespaceScope, Operator, Requirement
from licet.core.reasons import Enforcement
from licet.core.vendors import ProductClaim, VendorRegistry
from licet.core.verdict import RanHere
from support.manifests import break_glass
from support.properties import quick
from support.vendor_simulator import DAY, NOW, VendorSimulator

ACME = VendorSimulator()


def applied(manifest: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """An object as the API server gives it."""
    defaults = {"uid": "4be1", "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1}
    return {**manifest, "metadata": {**defaults, **manifest["metadata"], **metadata}}


# -- Vendors -----------------------------------------------------------------------------------------------------------


def test_vendor_is_read_as_it_was_applied():
    record = VendorRecord.read(applied(ACME.vendor_manifest()))
    assert record == VendorRecord(ACME.vendor())


def test_enforcement_is_to_enforce_unless_it_says_otherwise():
    for enforcement in Enforcement:
        record = VendorRecord.read(applied(ACME.vendor_manifest(enforcement=str(enforcement))))
        assert record.vendor.enforcement is enforcement
    assert VendorRecord.read(applied(ACME.vendor_manifest())).vendor.enforcement is Enforcement.ENFORCE


def test_vendor_without_products_claims_nothing():
    manifest = applied(ACME.vendor_manifest())
    del manifest["spec"]["products"]
    assert VendorRecord.read(manifest).vendor.products == ()


@pytest.mark.parametrize(
    "jwks", [None, {}, {"keys": []}, {"keys": [{**ACME.jwks()["keys"][0], "d": "5ecret"}]}, {"keys": [{"kty": "RSA"}]}]
)
def test_vendor_whose_keys_cannot_be_used_keeps_protecting_its_charts(jwks):
    record = VendorRecord.read(applied(ACME.vendor_manifest(jwks=jwks)))
    assert record.vendor.keys is None
    (problem,) = record.problems
    assert problem.startswith("spec.jwks: ")
    assert "5ecret" not in problem
    assert VendorRegistry([record.vendor]).claim_for_chart("acme-platform") == ProductClaim("acme", "acme-platform")


def test_pattern_that_cannot_be_used_harms_no_other():
    products = [{"name": "acme-platform", "charts": ["a*", "acme-platform"], "images": ["acme/platform?"]}]
    record = VendorRecord.read(applied(ACME.vendor_manifest(products=products)))
    assert [glob.text for glob in record.vendor.products[0].charts] == ["acme-platform"]
    assert len(record.problems) == 2
    assert record.vendor.keys is not None


# -- Licenses ----------------------------------------------------------------------------------------------------------


def test_license_has_its_token_inline_or_in_a_secret():
    inline = LicenseRecord.read(applied(ACME.license_manifest("acme-prod", "the.inline.token")))
    assert (inline.name, inline.uid, inline.token, inline.token_from) == ("acme-prod", "4be1", "the.inline.token", None)
    manifest = applied(ACME.license_manifest("acme-prod", ""))
    manifest["spec"] = {"tokenFrom": {"secretKeyRef": {"name": "acme-license", "key": "license.jwt"}}}
    referring = LicenseRecord.read(manifest)
    assert (referring.token, referring.token_from) == (None, SecretRef("acme-license", "license.jwt"))


def test_license_does_not_show_its_token():
    assert "5ecret" not in repr(LicenseRecord.read(applied(ACME.license_manifest("acme", "5ecret"))))
    assert "5ecret" not in repr(KeptToken("uid", SecretRef("name", "key"), "5ecret"))


@pytest.mark.parametrize(
    ("allowed", "scope"),
    [
        (None, None),
        ({}, NamespaceScope()),
        ({"names": []}, NamespaceScope()),
        ({"names": ["a", "b"]}, NamespaceScope(frozenset({"a", "b"}))),
        ({"selector": {}}, NamespaceScope(selector=())),
        (
            {"names": ["a"], "selector": {"matchLabels": {"team": "pay"}}},
            NamespaceScope(frozenset({"a"}), (Requirement("team", Operator.IN, frozenset({"pay"})),)),
        ),
        (
            {
                "selector": {
                    "matchLabels": {"team": "pay"},
                    "matchExpressions": [
                        {"key": "tier", "operator": "NotIn", "values": ["dev", "test"]},
                        {"key": "old", "operator": "DoesNotExist"},
                    ],
                }
            },
            NamespaceScope(
                selector=(
                    Requirement("team", Operator.IN, frozenset({"pay"})),
                    Requirement("tier", Operator.NOT_IN, frozenset({"dev", "test"})),
                    Requirement("old", Operator.DOES_NOT_EXIST),
                )
            ),
        ),
    ],
)
def test_allowed_namespaces_are_names_and_a_selector(allowed, scope):
    spec = {} if allowed is None else {"allowedNamespaces": allowed}
    assert LicenseRecord.read(applied(ACME.license_manifest("acme", "token", **spec))).scope == scope


# -- kept tokens -------------------------------------------------------------------------------------------------------


@quick
@given(st.text(), st.text(), st.text(), st.text(st.characters(exclude_categories=["Cs"])))
def test_kept_token_is_read_as_it_was_written(uid, name, key, token):
    kept = KeptToken(uid, SecretRef(name, key), token)
    assert KeptToken.load(kept.dump()) == kept
    assert kept.dump() == KeptToken(uid, SecretRef(name, key), token).dump()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"{}",
        b'{"uid":"a","token":"b"}',
        b'{"uid":"a","token":"b","secretKeyRef":null}',
        b'{"uid":"a","token":"b","secretKeyRef":"c"}',
        b'{"uid":"a","token":"b","secretKeyRef":{"name":"c"}}',
        b'{"uid":"a","secretKeyRef":{"name":"c","key":"d"}}',
        100_000 * b"[",
    ],
)
def test_what_is_no_kept_token_is_none(raw):
    assert KeptToken.load(raw) is None


# -- other objects -----------------------------------------------------------------------------------------------------


def test_namespace_is_read_with_its_labels():
    assert read_namespace({"metadata": {"name": "a", "labels": {"team": "pay"}}}) == Namespace("a", {"team": "pay"})
    assert read_namespace({"metadata": {"name": "a"}}) == Namespace("a")


def test_entitlement_asks_for_features_and_limits():
    spec = {"vendorRef": {"name": "acme"}, "product": "acme-platform", "features": ["sso"], "limits": {"seats": 10}}
    obj = applied({"metadata": {"namespace": "prod-eu", "name": "platform"}, "spec": spec})
    request = read_request(obj)
    assert (request.key, request.created) == (("prod-eu", "platform"), "2026-01-01T00:00:00Z")
    assert (request.vendor, request.product) == ("acme", "acme-platform")
    assert (request.features, request.limits) == (frozenset({"sso"}), {"seats": 10})


def test_entitlement_that_names_no_features_asks_for_all_and_one_with_an_empty_list_for_none():
    spec: dict[str, Any] = {"vendorRef": {"name": "acme"}, "product": "acme-platform"}
    obj = applied({"metadata": {"namespace": "prod-eu", "name": "platform"}, "spec": spec})
    assert read_request(obj).features is None
    spec["features"] = []
    assert read_request(obj).features == frozenset()


def test_installation_remembers_what_runs_and_what_ran_licensed():
    status = {
        "charts": [{"name": "acme-platform", "version": "2.4.1", "license": ""}],
        "history": [
            {"chart": "acme-platform", "version": "2.4.1", "revision": 3, "licensed": False},
            {"chart": "acme-platform", "version": "2.4.0", "revision": 2, "licensed": True},
            {"chart": "acme-platform", "version": "2.3.0", "revision": 1},
        ],
    }
    assert read_ran_here({"status": json.loads(json.dumps(status))}) == RanHere(
        running=frozenset({("acme-platform", "2.4.1")}), licensed=frozenset({("acme-platform", "2.4.0")})
    )


@pytest.mark.parametrize("obj", [{}, {"status": None}, {"status": {}}, {"status": {"charts": None, "history": None}}])
def test_installation_without_a_status_remembers_nothing(obj):
    assert read_ran_here(obj) == RanHere()


@pytest.mark.parametrize(("kind", "told"), [("Application", True), ("Deployment", False)])
def test_installation_of_no_release_lends_its_memory_to_no_release(kind, told):
    charts = [{"name": "acme-platform", "version": "2.4.1"}]
    history = [
        {"chart": "acme-platform", "version": "2.4.1", "revision": 3, "licensed": False},
        {"chart": "acme-platform", "version": "2.4.0", "revision": 2, "licensed": True},
    ]
    status = {"source": {"kind": kind, "name": "web"}, "charts": charts, "history": history}
    remembered = read_ran_here({"status": status})
    assert (remembered.running, remembered.licensed) == (frozenset(), frozenset())
    assert remembered.rendered == (frozenset({("acme-platform", "2.4.1")}) if told else frozenset())
    assert remembered.rendered_licensed == (frozenset({("acme-platform", "2.4.0")}) if told else frozenset())


def test_break_glass_is_read_with_its_times_and_charts():
    charts = [{"name": "acme-platform", "version": "3.1.0"}]
    obj = break_glass(charts=charts, until="2026-01-02T02:00:00.5+01:00")
    obj["metadata"]["creationTimestamp"] = "2026-01-02T00:00:00Z"
    created = NOW + DAY
    assert read_break_glass(obj) == BreakGlass(
        name="web-1",
        namespace="prod-eu",
        release="web",
        requested_by="jane",
        reason="the database is on fire",
        created=created,
        until=created + 3600,
        charts=(("acme-platform", "3.1.0"),),
    )
    del obj["spec"]["charts"]
    assert read_break_glass(obj).charts is None
