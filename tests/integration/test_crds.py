"""The CRDs on a real API server: what it accepts, what it refuses and says then, what kubectl shows."""

import itertools
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from controlplane import ApiError, Cluster
from licet.core import bounds
from licet.resources import (
    AllottedLimit,
    BreakGlassStatus,
    ConditionType,
    EntitlementStatus,
    GrantedProduct,
    InstallationStatus,
    InstalledChart,
    LicenseStatus,
    Observation,
    Scope,
    Source,
    Status,
    VendorStatus,
    conditions,
)
from licet.resources.crd import KINDS
from licet.resources.installation import SourceKind
from support.manifests import (
    ACCEPTED,
    EC,
    OKP,
    REFUSED,
    SECRET,
    Manifest,
    break_glass,
    entitlement,
    license_,
    manifest,
    vendor,
    vendor_with_key,
)

ROOT = Path(__file__).parents[2]
API = "/apis/licet.dev/v1alpha1"
DEFINITIONS = {kind.definition.kind: kind.definition for kind in KINDS}
NAMESPACE = "crd-tests"


def kubectl(cluster: Cluster, *arguments: str) -> str:
    result = subprocess.run(
        [cluster.bin / "kubectl", *arguments],
        env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def cluster(control_plane: Cluster) -> Iterator[Cluster]:
    """A control plane that serves the CRDs, with a namespace for these tests."""
    kubectl(control_plane, "apply", "--server-side", "--force-conflicts", "--validate=strict", f"-f{ROOT / 'crds'}")
    control_plane.await_served(yaml.safe_load(path.read_text()) for path in (ROOT / "crds").glob("*.yaml"))
    control_plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    yield control_plane
    control_plane.request("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


def collection(kind: str) -> str:
    definition = DEFINITIONS[kind]
    parent = f"{API}/namespaces/{NAMESPACE}" if definition.scope is Scope.NAMESPACED else API
    return f"{parent}/{definition.plural}"


def create(cluster: Cluster, body: Manifest, *, dry_run: bool = True) -> Manifest:
    query = "fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
    return cluster.request("POST", f"{collection(body['kind'])}?{query}", body)


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_the_api_server_accepts(cluster: Cluster, body: Manifest) -> None:
    create(cluster, body)


@pytest.mark.parametrize(("body", "field", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_the_api_server_refuses_and_names_the_field(cluster: Cluster, body: Manifest, field: str, why: str) -> None:
    with pytest.raises(ApiError) as caught:
        create(cluster, body)
    message = str(caught.value)
    assert caught.value.status in {400, 422}
    assert re.search(rf'(^|[\s"\[]){re.escape(field)}["\]]?[:,]?(\s|$)', message), message
    assert why in message
    assert SECRET not in message


@pytest.fixture
def stored(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Manifest]:
    """The manifest that the test is parametrised with, as the API server stored it."""
    body = create(cluster, request.param, dry_run=False)
    yield body
    cluster.request("DELETE", path_of(body))


def path_of(body: Manifest) -> str:
    return f"{collection(body['kind'])}/{body['metadata']['name']}"


@pytest.mark.parametrize(
    ("stored", "change", "says"),
    [
        (vendor(), {"issuer": "https://other.example"}, "spec.issuer: Invalid value: issuer is immutable"),
        (entitlement(), {"product": "other"}, "spec.product: Invalid value: product is immutable"),
        (entitlement(), {"vendorRef": {"name": "other"}}, "spec.vendorRef.name: Invalid value: vendorRef is immutable"),
        (break_glass(), {"until": "2026-01-03T00:00:00Z"}, "spec: Invalid value: a BreakGlass can't be changed"),
    ],
    indirect=["stored"],
    ids=["issuer", "product", "vendorRef", "break-glass"],
)
def test_what_identifies_an_object_is_immutable(
    cluster: Cluster, stored: Manifest, change: Manifest, says: str
) -> None:
    with pytest.raises(ApiError) as caught:
        cluster.request("PATCH", path_of(stored), {"spec": change})
    assert re.sub(r'Invalid value: "[^"]*": ', "Invalid value: ", str(caught.value)).count(says) == 1


@pytest.mark.parametrize("stored", [vendor()], indirect=True)
def test_the_rest_of_a_vendor_can_be_changed(cluster: Cluster, stored: Manifest) -> None:
    changed = cluster.request(
        "PATCH", path_of(stored), {"spec": {"enforcement": "Warn", "products": [{"name": "acme-platform"}]}}
    )
    assert stored["spec"]["enforcement"] == "Enforce"
    assert changed["spec"]["enforcement"] == "Warn"


@pytest.mark.parametrize("stored", [vendor_with_key(OKP, x5t="abc")], indirect=True)
def test_members_of_a_pasted_key_are_kept(stored: Manifest) -> None:
    assert stored["spec"]["jwks"]["keys"] == [{**OKP, "x5t": "abc"}]


def test_a_bare_y_in_yaml_is_refused_with_the_way_out(cluster: Cluster, tmp_path: Path) -> None:
    text = json.dumps(vendor_with_key(EC)).replace('"y":', "y:")
    (tmp_path / "vendor.yaml").write_text(text)
    with pytest.raises(AssertionError, match="in YAML its name has to be quoted"):
        kubectl(cluster, "apply", "--dry-run=server", f"-f{tmp_path / 'vendor.yaml'}")


def put_status(cluster: Cluster, stored: Manifest, status: Status, *, dry_run: bool = False) -> Manifest:
    query = "fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
    return cluster.request("PUT", f"{path_of(stored)}/status?{query}", {**stored, "status": status.as_json()})


READY = conditions(
    [
        Observation(ConditionType.READY, True, "Verified", "All is well."),
        Observation(ConditionType.VALID, False, "Superseded", "License acme-new supersedes it."),
        Observation(ConditionType.LICENSED, True, "Covered", "Licenses cover all charts."),
        Observation(ConditionType.ACTIVE, True, "Open", "It lets its release in."),
    ],
    previous=(),
    generation=1,
    now=0,
)
TWO_PRODUCTS = (GrantedProduct(name="acme-platform", features={"sso": True, "list": ("a",)}), GrantedProduct(name="db"))
CHARTS = (
    InstalledChart(name="acme-platform", version="2.4.1", vendor="acme", product="acme-platform", license="prod"),
    InstalledChart(name="acme-db", version="1.0.0", vendor="acme", product="acme-platform"),
)


@pytest.mark.parametrize(
    ("stored", "status", "columns", "cells"),
    [
        (
            vendor(),
            VendorStatus(conditions=READY, licenses=2),
            "NAME ISSUER ENFORCEMENT LICENSES READY AGE",
            "crd-test https://crd-test.example Enforce 2 True",
        ),
        (
            license_(token="x"),
            LicenseStatus(
                conditions=READY, vendor="acme", customer="Globex", not_after=1798761600, products=TWO_PRODUCTS
            ),
            "NAME VENDOR CUSTOMER PRODUCTS VALID REASON NOT-AFTER AGE",
            "crd-test acme Globex acme-platform,db False Superseded 2027-01-01T00:00:00Z",
        ),
        (
            entitlement(),
            EntitlementStatus(
                conditions=READY,
                state="Active",
                plan="pro",
                not_after=1798761600,
                features={"sso": True, "modules": ("a", "b"), "retention-days": 365, "support": "gold"},
                limits=(AllottedLimit(name="seats", granted=5, shared=True),),
            ),
            "NAME PRODUCT PLAN STATE READY NOT-AFTER AGE",
            "crd-test acme-platform pro Active True 2027-01-01T00:00:00Z",
        ),
        (
            manifest("Installation", None),
            InstallationStatus(conditions=READY, source=Source(kind=SourceKind.RELEASE, name="web"), charts=CHARTS),
            "NAME KIND SOURCE CHARTS LICENSED REASON AGE",
            "crd-test Release web acme-platform-2.4.1,acme-db-1.0.0 True Covered",
        ),
        (
            break_glass(),
            BreakGlassStatus(conditions=READY, use_count=2),
            "NAME NAMESPACE RELEASE BY UNTIL USES ACTIVE AGE",
            "web-1 prod-eu web jane 2026-01-02T01:00:00Z 2 True",
        ),
    ],
    indirect=["stored"],
    ids=[kind for kind in DEFINITIONS if kind != "WorkloadPolicy"],
)
def test_kubectl_get_prints_the_columns_of_the_contract(
    cluster: Cluster, stored: Manifest, status: Status, columns: str, cells: str
) -> None:
    written = put_status(cluster, stored, status)
    assert written["status"] == status.as_json()
    header, row = kubectl(
        cluster, "get", DEFINITIONS[stored["kind"]].short_name, stored["metadata"]["name"], "-n", NAMESPACE
    ).splitlines()
    assert header.split() == columns.split()
    assert row.split()[:-1] == cells.split()
    assert re.fullmatch(r"\d+s", row.split()[-1])


@pytest.mark.parametrize("stored", [vendor()], indirect=True)
def test_every_kind_is_in_the_category(cluster: Cluster, stored: Manifest) -> None:
    assert "vendor.licet.dev/crd-test" in kubectl(cluster, "get", "licet", "-A", "-o", "name")
    listed = kubectl(cluster, "api-resources", "--categories=licet", "-o", "name").split()
    assert sorted(listed) == sorted(definition.crd_name for definition in DEFINITIONS.values())


@pytest.mark.parametrize("stored", [license_(token="x")], indirect=True)
def test_a_status_at_its_bounds_is_accepted_and_beyond_refused(cluster: Cluster, stored: Manifest) -> None:
    products = tuple(GrantedProduct(name=f"product-{number}") for number in range(bounds.GRANTS))
    long = [Observation(ConditionType.READY, True, "Verified", "x" * 40_000)]
    full = LicenseStatus(
        conditions=conditions(long, previous=(), generation=1, now=0), products=products, sequence=bounds.SEQUENCE_MAX
    )
    put_status(cluster, stored, full, dry_run=True)
    beyond = LicenseStatus.model_construct(**{**dict(full), "products": (*products, GrantedProduct(name="more"))})
    with pytest.raises(ApiError, match=r"status\.products.*at most 64"):
        put_status(cluster, stored, beyond, dry_run=True)


@pytest.mark.parametrize("stored", [license_(token="x")], indirect=True)
def test_a_status_sent_with_the_manifest_is_not_taken(cluster: Cluster, stored: Manifest) -> None:
    changed = cluster.request("PATCH", path_of(stored), {"status": LicenseStatus(vendor="acme").as_json()})
    assert "status" not in changed


def test_definitions_are_established_and_structural(cluster: Cluster) -> None:
    for definition in DEFINITIONS.values():
        crd = cluster.request("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition.crd_name}")
        held = {condition["type"]: condition["status"] for condition in crd["status"]["conditions"]}
        assert held == {"Established": "True", "NamesAccepted": "True"}


def test_definitions_are_stored_as_written(cluster: Cluster) -> None:
    assert kubectl(cluster, "diff", "--server-side", "--force-conflicts", f"-f{ROOT / 'crds'}") == ""


def published_schemas(cluster: Cluster) -> Manifest:
    """What the API server publishes of the group; it does so a moment after a definition is established."""
    for _ in range(300):
        try:
            schemas: Manifest = cluster.request("GET", f"/openapi/v3{API}")["components"]["schemas"]
        except ApiError:
            schemas = {}
        found = {name.rpartition(".")[2]: schema for name, schema in schemas.items() if ".v1alpha1." in name}
        if found.keys() >= DEFINITIONS.keys():
            return found
        time.sleep(0.1)
    pytest.fail(f"the API server publishes no schemas of {API}")


def undescribed(schema: Manifest, path: str) -> Iterator[str]:
    for name, member in schema.get("properties", {}).items():
        if not member.get("description"):
            yield f"{path}.{name}"
        yield from undescribed(member, f"{path}.{name}")
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from undescribed(inner, f"{path}[]")


def test_kubectl_explain_has_words_for_every_field(cluster: Cluster) -> None:
    schemas = published_schemas(cluster)
    assert list(itertools.chain(*(undescribed(schemas[kind], kind) for kind in DEFINITIONS))) == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("vendor.spec.jwks.keys.d", "private half"),
        ("license.spec.allowedNamespaces", "Narrows the license"),
        ("entitlement.spec.limits", "Reserves this much"),
        ("installation.status.history.licensed", "first seen"),
    ],
)
def test_kubectl_explain_teaches(cluster: Cluster, path: str, words: str) -> None:
    published_schemas(cluster)
    assert words in " ".join(kubectl(cluster, "explain", path).split())


def test_examples_apply_in_any_order(cluster: Cluster) -> None:
    files = sorted((ROOT / "examples").glob("*.yaml"))
    assert len(files) >= 3
    try:
        for file in reversed(files):
            kubectl(cluster, "apply", "--validate=strict", f"-f{file}")
        assert "unchanged" in kubectl(cluster, "apply", "--validate=strict", f"-f{ROOT / 'examples'}")
    finally:
        kubectl(cluster, "delete", "--ignore-not-found", f"-f{ROOT / 'examples'}")
