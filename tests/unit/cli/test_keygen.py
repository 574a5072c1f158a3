"""`licet keygen`: keys that stay private, and Vendors that clusters accept."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from licet.cluster.records import VendorRecord
from licet.core.issue import key_from_pem, thumbprint
from licet.core.jwks import KeySet
from licet.resources import Vendor

VENDOR = ("--vendor", "acme", "--issuer", "https://licenses.acme.example", "--product", "acme-platform")


def test_private_key_is_for_its_owner_alone(licet: Callable, tmp_path: Path) -> None:
    assert licet("keygen", "--key", "acme.pem", *VENDOR).code == 0
    key = tmp_path / "acme.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text().startswith("-----BEGIN PRIVATE KEY-----\n")
    assert load_pem_private_key(key.read_bytes(), password=None)


def test_private_key_is_nowhere_in_the_output(licet: Callable, tmp_path: Path) -> None:
    answer = licet("keygen", "--key", "acme.pem", *VENDOR)
    secret = "".join((tmp_path / "acme.pem").read_text().splitlines()[1:-1])
    assert secret not in answer.out + answer.err
    assert "PRIVATE" not in answer.out + answer.err


@pytest.mark.parametrize("output", ["yaml", "json", "jwks"])
def test_existing_file_is_never_overwritten(output: str, licet: Callable, tmp_path: Path) -> None:
    (tmp_path / "acme.pem").write_text("the only copy")
    answer = licet("keygen", "--key", "acme.pem", "-o", output, *VENDOR)
    assert answer.code == 2
    assert answer.out == ""
    assert "acme.pem exists, and is not overwritten" in answer.err
    assert (tmp_path / "acme.pem").read_text() == "the only copy"


def test_link_is_not_followed_to_where_it_leads(licet: Callable, tmp_path: Path) -> None:
    (tmp_path / "acme.pem").symlink_to(tmp_path / "elsewhere.pem")
    assert licet("keygen", "--key", "acme.pem", *VENDOR).code == 2
    assert not (tmp_path / "elsewhere.pem").exists()


@pytest.mark.parametrize("algorithm", ["Ed25519", "ES256"])
def test_vendor_manifest_is_ready_to_apply(algorithm: str, licet: Callable, tmp_path: Path) -> None:
    patterns = ("--chart", "acme-*", "--chart", "acme", "--image", "registry.acme.example/*")
    answer = licet("keygen", "--key", "acme.pem", "--algorithm", algorithm, *VENDOR, *patterns)
    (manifest,) = answer.documents
    Vendor.model_validate(manifest, extra="forbid")
    record = VendorRecord.read(manifest)
    assert not record.problems
    assert record.vendor.issuer == "https://licenses.acme.example"
    assert manifest["spec"]["products"] == [
        {"name": "acme-platform", "charts": ["acme-*", "acme"], "images": ["registry.acme.example/*"]}
    ]
    key = key_from_pem((tmp_path / "acme.pem").read_bytes())
    assert record.vendor.keys is not None
    assert set(record.vendor.keys.keys) == {thumbprint(key)}


def test_charts_are_those_named_as_the_product_unless_told(licet: Callable) -> None:
    (manifest,) = licet("keygen", "--key", "acme.pem", *VENDOR).documents
    assert manifest["spec"]["products"][0]["charts"] == ["acme-platform"]


def test_manifest_in_json_is_that_in_yaml(licet: Callable) -> None:
    answer = licet("keygen", "--key", "acme.pem", "--key-id", "acme-2026", "-o", "json", *VENDOR)
    assert json.loads(answer.out) == yaml.safe_load(answer.out)
    assert answer.document["spec"]["jwks"]["keys"][0]["kid"] == "acme-2026"


def test_key_id_of_ones_own_is_to_be_said_to_issue_too(licet: Callable) -> None:
    assert "--key-id acme-2026" in licet("keygen", "--key", "a.pem", "--key-id", "acme-2026", *VENDOR).err
    assert "--key-id" not in licet("keygen", "--key", "b.pem", *VENDOR).err


def test_public_key_alone_needs_no_vendor(licet: Callable) -> None:
    answer = licet("keygen", "--key", "acme.pem", "-o", "jwks")
    assert answer.code == 0
    assert len(KeySet.parse(answer.document).keys) == 1


def test_manifest_that_can_not_be_made_leaves_no_key_behind(licet: Callable, tmp_path: Path) -> None:
    answer = licet("keygen", "--key", "acme.pem", "--vendor", "acme")
    assert answer.code == 2
    assert "the Vendor manifest needs --issuer, --product" in answer.err
    assert not (tmp_path / "acme.pem").exists()


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--vendor", "Acme Inc.", "can't be the name of an object"),
        ("--product", "Acme", "spec.products.0.name"),
        ("--chart", "a*", "too broad"),
        ("--issuer", "x" * 257, "spec.issuer"),
        ("--key-id", "", "kid"),
        ("--key-id", "x" * 257, "kid"),
    ],
)
def test_what_the_api_server_would_refuse_is_refused_here(
    option: str, value: str, said: str, licet: Callable, tmp_path: Path
) -> None:
    answer = licet("keygen", "--key", "acme.pem", *VENDOR, option, value)
    assert answer.code == 2
    assert said in answer.err
    assert not (tmp_path / "acme.pem").exists()


@pytest.mark.parametrize("path", ["missing/acme.pem", ".", "acme.pem/"])
def test_key_file_that_can_not_be_written_is_told(path: str, licet: Callable) -> None:
    answer = licet("keygen", "--key", path, *VENDOR)
    assert answer.code == 2
    assert answer.out == ""


def test_key_of_es256_is_read_by_kubectl_as_it_was_meant(licet: Callable) -> None:
    """YAML 1.1, which kubectl reads, takes a bare y for a boolean."""
    printed = licet("keygen", "--key", "acme.pem", "--algorithm", "ES256", *VENDOR).out
    assert "'y': " in printed
    assert yaml.safe_load(printed)["spec"]["jwks"]["keys"][0].keys() >= {"x", "y"}


def test_table_is_no_form_of_a_vendor(licet: Callable) -> None:
    assert licet("keygen", "--key", "acme.pem", "-o", "csv", *VENDOR).code == 2
