"""Reading objects from Kubernetes, and writing statuses to it."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from licet.core.jwks import KeySet
from licet.core.reasons import Enforcement, State
from licet.resources import (
    AllottedLimit,
    Entitlement,
    EntitlementStatus,
    GrantedProduct,
    Installation,
    InstallationStatus,
    InstalledChart,
    License,
    LicenseSpec,
    LicenseStatus,
    Source,
    Vendor,
    WrittenTarget,
)
from licet.resources.entitlement import TargetKind
from licet.resources.installation import InstalledImage, PastChart, SourceKind
from licet.resources.license import GrantedLimit

KEY = {"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


def manifest(kind: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "licet.dev/v1alpha1", "kind": kind, "metadata": {"name": "acme"}, **more}


def vendor(**key: Any) -> Vendor:
    return Vendor.model_validate(manifest("Vendor", spec={"issuer": "acme", "jwks": {"keys": [{**KEY, **key}]}}))


def test_a_pasted_key_keeps_members_that_are_not_known() -> None:
    jwks = vendor(x5t="abc", ext=True).spec.jwks.as_json()
    assert jwks == {"keys": [{**KEY, "x5t": "abc", "ext": True}]}
    assert list(KeySet.parse(jwks).keys) == ["one"]


def test_enforcement_is_enforce_unless_said_otherwise() -> None:
    assert vendor().spec.enforcement is Enforcement.ENFORCE


def test_members_of_a_newer_version_are_ignored() -> None:
    found = License.model_validate(
        manifest("License", spec={"token": "t", "colour": "red"}, status={"weather": 1}, more=2)
    )
    assert found.as_json() == manifest("License", spec={"token": "t"}, status={"conditions": [], "products": []})


@pytest.mark.parametrize(
    "spec", [{}, {"token": "t", "tokenFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}], ids=["none", "both"]
)
def test_a_license_from_a_file_has_exactly_one_source(spec: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="exactly one of token and tokenFrom"):
        LicenseSpec.model_validate(spec)


def test_a_token_shows_neither_in_errors_nor_in_representations() -> None:
    secret = "eyJsecret"
    assert secret not in repr(LicenseSpec(token=secret))
    with pytest.raises(ValidationError) as caught:
        License.model_validate(manifest("License", spec={"token": [secret]}))
    assert secret not in str(caught.value)


def test_license_status_is_written_as_the_contract_names_it() -> None:
    status = LicenseStatus(
        observed_generation=2,
        vendor="acme",
        license_id="lic_1",
        signing_key_id="one",
        trial=False,
        not_before=0,
        not_after=1798761600,
        products=(
            GrantedProduct(
                name="acme-platform",
                features={"sso": True, "retention-days": 365, "support": "gold", "modules": ("a", "b")},
                limits=(
                    GrantedLimit(name="seats", max=25, overage="deny"),
                    GrantedLimit(name="hosts", unlimited=True, overage="deny"),
                ),
                maintenance_until=date(2027, 1, 1),
            ),
            GrantedProduct(name="acme-tools", charts=()),
        ),
    )
    written = status.as_json()
    assert written == {
        "observedGeneration": 2,
        "conditions": [],
        "vendor": "acme",
        "licenseID": "lic_1",
        "signingKeyID": "one",
        "trial": False,
        "notBefore": "1970-01-01T00:00:00Z",
        "notAfter": "2027-01-01T00:00:00Z",
        "products": [
            {
                "name": "acme-platform",
                "features": {"sso": True, "retention-days": 365, "support": "gold", "modules": ["a", "b"]},
                "limits": [
                    {"name": "seats", "max": 25, "overage": "deny"},
                    {"name": "hosts", "unlimited": True, "overage": "deny"},
                ],
                "maintenanceUntil": "2027-01-01",
            },
            {"name": "acme-tools", "features": {}, "limits": [], "charts": []},
        ],
        "productNames": "acme-platform,acme-tools",
    }
    assert LicenseStatus.model_validate(written) == status


def test_a_status_without_products_has_no_line_of_their_names() -> None:
    assert "productNames" not in LicenseStatus().as_json()


def test_entitlement_status_survives_writing_and_reading() -> None:
    status = EntitlementStatus(
        state=State.GRACE,
        features={"sso": True},
        limits=(AllottedLimit(name="seats", requested=10, granted=7, shared=False),),
        licenses=("lic_1",),
        not_after=1,
        grace_until=2,
        targets=(WrittenTarget(kind=TargetKind.SECRET, name="platform-license"),),
    )
    written = status.as_json()
    assert written["state"] == "Grace"
    assert written["limits"] == [{"name": "seats", "requested": 10, "granted": 7, "shared": False}]
    assert EntitlementStatus.model_validate(written) == status


def test_entitlement_tells_all_features_from_none() -> None:
    spec = {"vendorRef": {"name": "acme"}, "product": "acme-platform"}
    assert Entitlement.model_validate(manifest("Entitlement", spec=spec)).spec.features is None
    assert Entitlement.model_validate(manifest("Entitlement", spec={**spec, "features": []})).spec.features == ()


def test_a_boolean_or_text_is_no_limit() -> None:
    for value in (True, "5", 5.0):
        with pytest.raises(ValidationError):
            Entitlement.model_validate(
                manifest(
                    "Entitlement",
                    spec={"vendorRef": {"name": "acme"}, "product": "acme-platform", "limits": {"seats": value}},
                )
            )


def test_installation_lists_its_charts_in_one_line() -> None:
    status = InstallationStatus(
        source=Source(kind=SourceKind.RELEASE, name="web"),
        charts=(
            InstalledChart(name="acme-platform", version="2.4.1", vendor="acme", product="acme-platform"),
            InstalledChart(
                name="acme-db", version="1.0.0", vendor="acme", product="acme-platform", license="acme-prod"
            ),
        ),
        first_seen=0,
        history=(PastChart(chart="acme-platform", version="2.4.1", revision=1, licensed=True),),
    )
    written = status.as_json()
    assert written["chartVersions"] == "acme-platform-2.4.1,acme-db-1.0.0"
    assert InstallationStatus.model_validate(written) == status


def test_installation_names_the_first_of_its_images_in_one_line() -> None:
    acme = {"vendor": "acme", "product": "acme-platform"}
    images = (
        InstalledImage(repository="registry.acme.example/platform/api", tag="3.0.0", **acme),
        InstalledImage(repository="mirror.example/platform/api", tag="3.0.0", **acme),
        InstalledImage(
            repository="registry.acme.example/platform/web", digest="sha256:12", license="acme-prod", **acme
        ),
        InstalledImage(repository="registry.acme.example/platform/db", tag="16", digest="sha256:34", **acme),
        InstalledImage(repository="registry.acme.example/platform/job", tag="1", namespace="prod-eu", **acme),
    )
    status = InstallationStatus(source=Source(kind="Deployment", name="web"), images=images)
    written = status.as_json()
    assert written["imageVersions"] == "api:3.0.0,web@sha256:12,db:16,and 1 more"
    assert InstallationStatus.model_validate(written) == status
    assert "imageVersions" not in InstallationStatus().as_json()


def test_an_installation_has_no_spec() -> None:
    assert "spec" not in Installation.model_validate(manifest("Installation", spec={"a": 1})).as_json()
