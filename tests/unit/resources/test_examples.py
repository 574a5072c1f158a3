"""The files under examples/ agree with the models and with one another."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from licet.core.issue import generate_key, issue_token
from licet.core.jwks import KeySet
from licet.resources import Entitlement, License, Vendor
from licet.resources.crd import KINDS

EXAMPLES = Path(__file__).parents[3] / "examples"
MODELS = {kind.definition.kind: kind for kind in KINDS}


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((EXAMPLES / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_examples_say_nothing_that_the_models_do_not_know(path: Path) -> None:
    for document in documents(path.name):
        if model := MODELS.get(document["kind"]):
            model.model_validate(document, extra="forbid")


def test_examples_tell_one_story() -> None:
    vendor = Vendor.model_validate(documents("vendor.yaml")[0])
    license_ = License.model_validate(documents("license.yaml")[-1])
    namespace, manifest = documents("entitlement.yaml")
    entitlement = Entitlement.model_validate(manifest)
    spec = yaml.safe_load((EXAMPLES / "issue" / "license-spec.yaml").read_text(encoding="utf-8"))
    assert spec["iss"] == vendor.spec.issuer
    assert entitlement.spec.vendor_ref.name == vendor.metadata.name
    assert entitlement.spec.product in {product.name for product in vendor.spec.products}
    (grant,) = spec["license"]["grants"]
    assert grant["product"] == entitlement.spec.product
    assert set(entitlement.spec.features or ()) <= set(grant["features"])
    assert license_.spec.allowed_namespaces is not None
    assert namespace["metadata"]["name"] == entitlement.metadata.namespace
    assert entitlement.metadata.namespace in (license_.spec.allowed_namespaces.names or ())


def test_example_vendor_has_usable_keys() -> None:
    vendor = Vendor.model_validate(documents("vendor.yaml")[0])
    assert KeySet.parse(vendor.spec.jwks.as_json()).keys


def test_example_license_spec_can_be_issued() -> None:
    spec = yaml.safe_load((EXAMPLES / "issue" / "license-spec.yaml").read_text(encoding="utf-8"))
    assert issue_token(spec, generate_key(), kid="acme-2026", now=1767225600, token_id="unused").count(".") == 2
