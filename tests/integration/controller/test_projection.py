"""What applications read follows the licenses, and nothing else."""

import base64
import json
from itertools import permutations

import pytest

from support.controller_site import eventually


def data_of(site, kind: str, name: str = "app") -> dict[str, str]:
    data = site.get(kind, name)["data"]
    return data if kind == "ConfigMap" else {key: base64.b64decode(value).decode() for key, value in data.items()}


@pytest.mark.parametrize(
    "order", [" then ".join(order) for order in permutations(["vendor", "license", "secret", "entitlement"])]
)
def test_any_order_of_apply_leads_to_the_same(site, order):
    token = site.vendor.token(plan="pro")
    steps = {
        "vendor": site.trust,
        "license": lambda: site.license_from(f"token-{site.id}"),
        "secret": lambda: site.token_secret(token),
        "entitlement": site.entitlement,
    }
    for step in order.split(" then "):
        steps[step]()
    site.await_state("Active")
    eventually(lambda: site.tokens() == [token])
    eventually(lambda: site.condition("Entitlement", "app") == ("True", "Projected"))
    eventually(lambda: site.condition("License", f"license-{site.id}", "Valid") == ("True", "Verified"))
    eventually(lambda: site.get("Vendor", site.vendor.name)["status"]["licenses"] == 1)


def test_config_map_holds_the_document_and_flat_keys_and_the_secret_the_tokens(site):
    token = site.vendor.token(
        plan="pro",
        features={"sso": True, "modules": ["a", "b"], "hidden": 1},
        limits={"seats": {"max": 25}, "api-calls": {"max": None, "per": "month"}},
    )
    site.trust()
    site.license(token)
    site.entitlement(features=["sso", "modules"])
    site.await_state("Active")

    document = site.document()
    assert document["features"] == {"modules": ["a", "b"], "sso": True}
    assert document["limits"]["seats"] == {"max": 25, "per": None, "overage": "deny", "shared": True}
    assert document["clusterUID"] == site.get("Namespace", "kube-system")["metadata"]["uid"]
    data = data_of(site, "ConfigMap")
    text = data.pop("entitlements.json")
    assert text == json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert data == {
        "LICET_STATE": "Active",
        "LICET_PLAN": "pro",
        "LICET_NOT_AFTER": document["notAfter"],
        "LICET_FEATURE_SSO": "true",
        "LICET_FEATURE_MODULES": "a,b",
        "LICET_LIMIT_SEATS": "25",
        "LICET_LIMIT_API_CALLS_UNLIMITED": "true",
    }
    eventually(lambda: data_of(site, "Secret") == {"licenses.jwt": f"{token}\n", "entitlements.json": text})
    assert site.get("Secret", "app")["type"] == "Opaque"


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_projected_objects_belong_to_their_entitlement(site, kind):
    site.entitlement()
    metadata = eventually(lambda: site.get(kind, "app"))["metadata"]
    owner = {
        "apiVersion": "licet.dev/v1alpha1",
        "kind": "Entitlement",
        "name": "app",
        "uid": site.get("Entitlement", "app")["metadata"]["uid"],
        "controller": True,
    }
    assert metadata["ownerReferences"] == [owner]
    assert metadata["labels"] == {"app.kubernetes.io/managed-by": "licet"}


def test_unlicensed_entitlement_is_projected_as_well(site):
    site.entitlement()
    site.await_state("Unlicensed")
    document = site.document()
    assert (document["features"], document["limits"], document["licenses"]) == ({}, {}, [])
    eventually(lambda: site.tokens() == [])
    eventually(lambda: site.condition("Entitlement", "app", "Licensed") == ("False", "Unlicensed"))
    assert site.condition("Entitlement", "app") == ("True", "Projected")


def test_license_change_writes_its_dependants_and_no_others(site):
    other = site.another_vendor("w")
    elsewhere = site.make_namespace("elsewhere")
    bound = site.make_namespace("bound")
    site.trust()
    site.trust(other)
    site.license(site.vendor.token(plan="pro", series="s", bindings={"namespaces": [site.namespace, bound]}))
    site.license(site.vendor.token(plan="base", bindings={"namespaces": [elsewhere]}), name="elsewhere")
    site.license(other.token(), name="other")
    for namespace in (site.namespace, bound):
        for name in ("one", "two"):
            site.entitlement(name, namespace=namespace)
    site.entitlement("not-for-this-namespace", namespace=elsewhere)
    site.entitlement("other-vendor", vendor=other)
    names = [("one", site.namespace), ("two", site.namespace), ("one", bound), ("two", bound)]
    for name, namespace in (*names, ("not-for-this-namespace", elsewhere), ("other-vendor", site.namespace)):
        site.await_condition("Entitlement", name, "Licensed", ("True", "Active"), namespace=namespace)
    before = site.versions("Entitlement", "ConfigMap", "Secret")

    with site.undisturbed_writes() as writes:
        site.license(
            site.vendor.token(plan="max", series="s", sequence=1, bindings={"namespaces": [site.namespace, bound]})
        )
        eventually(
            lambda: {site.get("Entitlement", name, namespace=ns)["status"]["plan"] for name, ns in names} == {"max"}
        )
        eventually(lambda: site.condition("License", f"license-{site.id}", "Valid") == ("True", "Verified"))

    after = site.versions("Entitlement", "ConfigMap", "Secret")
    changed = {key for key in after if after[key] != before.get(key)}
    assert changed == {
        (kind, namespace, name) for kind in ("Entitlement", "ConfigMap", "Secret") for name, namespace in names
    }
    assert writes[("PUT", "configmaps")] in {4, 5}  # and perhaps what is remembered
    assert (writes[("PUT", "secrets")], writes[("PATCH", "entitlements/status")]) == (4, 4)


def test_change_that_changes_nothing_for_the_application_writes_nothing(site):
    site.trust()
    token = site.vendor.token()
    site.license(token)
    site.entitlement()
    eventually(lambda: site.get("Entitlement", "app")["status"]["state"] == "Active")
    before = site.versions("Entitlement", "ConfigMap", "Secret")
    site.license(token, name="copy")
    eventually(lambda: site.condition("License", f"copy-{site.id}", "Valid") == ("True", "Verified"))
    site.trust(enforcement="Audit")
    eventually(lambda: site.condition("Vendor", site.vendor.name))
    assert site.versions("Entitlement", "ConfigMap", "Secret") == before


def test_projection_that_is_too_large_leaves_the_last_one(site):
    small = site.vendor.token(plan="small")
    site.trust()
    site.license(small, name="small")
    site.entitlement()
    eventually(lambda: site.tokens() == [small])
    for number in range(17):
        site.license(site.vendor.token_of_size(64 * 1024), name=f"large-{number}")

    eventually(lambda: site.condition("Entitlement", "app") == ("False", "ProjectionTooLarge"))

    assert small in site.tokens()
    assert "Secret app would be over" in site.message("Entitlement", "app")
    assert [target["kind"] for target in site.get("Entitlement", "app")["status"]["targets"]] == ["ConfigMap"]
    for number in range(17):
        site.delete("License", f"large-{number}-{site.id}")
    eventually(lambda: site.tokens() == [small])
    eventually(lambda: site.condition("Entitlement", "app") == ("True", "Projected"))


def test_many_licenses_together_that_a_status_has_no_room_for_are_projected_whole(site):
    site.trust()
    for part in range(2):
        site.license(
            site.vendor.token(limits={f"limit-{part}-{number}": {"max": 1} for number in range(40)}),
            name=f"part-{part}",
        )
    site.entitlement()
    eventually(lambda: len(site.document()["limits"]) == 80)
    eventually(lambda: len(site.get("Entitlement", "app")["status"]["limits"]) == 64)
