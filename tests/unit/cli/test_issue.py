"""`licet issue`: from a specification to a token or to manifests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from licet.core.issue import generate_key, key_from_pem, key_to_pem, thumbprint
from licet.core.token import read_token, verify_token
from licet.core.vendors import Vendor, VendorRegistry
from licet.resources import License
from support.vendor_simulator import NOW

EXAMPLE = Path(__file__).parents[3] / "examples" / "issue" / "license-spec.yaml"
SPEC: dict[str, Any] = {
    "iss": "https://licenses.acme.example",
    "sub": "cust_42",
    "exp": "P1D",
    "license": {"grants": [{"product": "acme-platform"}]},
}


@pytest.fixture
def key(tmp_path: Path) -> str:
    path = tmp_path / "acme.pem"
    path.write_bytes(key_to_pem(generate_key()))
    path.chmod(0o600)
    return path.name


def test_token_of_the_example_is_verified_with_the_key(licet: Callable, key: str, tmp_path: Path) -> None:
    answer = licet("issue", EXAMPLE, "--key", key)
    assert (answer.code, answer.err) == (0, "")
    private = key_from_pem((tmp_path / key).read_bytes())
    from licet.core.jwks import KeySet, key_to_jwk

    keys = KeySet.parse({"keys": [key_to_jwk(thumbprint(private), private.public_key())]})
    registry = VendorRegistry([Vendor("acme", "https://licenses.acme.example", keys)])
    token = verify_token(answer.out.strip(), registry, cluster=None)
    assert token.claims.jti == "lic_01JD2Q"
    assert token.claims.license.series == "sub_9f2"


def test_unquoted_dates_of_yaml_are_dates_wherever_they_stand(licet: Callable, key: str) -> None:
    spec = """
    {iss: i, sub: s, nbf: 2026-02-01, exp: 2027-01-01T12:00:00Z,
     license: {grants: [{product: acme, maintenanceUntil: 2026-12-31}]}}
    """
    claims = read_token(licet("issue", "-", "--key", key, stdin=spec).out.strip()).payload
    assert claims["nbf"] == NOW + 31 * 86400
    assert claims["exp"] == 1_798_804_800
    assert claims["license"]["grants"][0]["maintenanceUntil"] == "2026-12-31"


def test_what_is_left_out_is_filled_in(licet: Callable, key: str, write: Callable) -> None:
    tokens = [licet("issue", write("spec.yaml", SPEC), "--key", key).out.strip() for _ in range(2)]
    first, second = (read_token(token).payload for token in tokens)
    assert (first["aud"], first["iat"], first["exp"]) == ("licet.dev", NOW, NOW + 86400)
    assert str(first["jti"]).startswith("lic_")
    assert first["jti"] != second["jti"]


def test_key_id_is_the_thumbprint_unless_told(licet: Callable, key: str, write: Callable, tmp_path: Path) -> None:
    spec = write("spec.yaml", SPEC)
    kid = read_token(licet("issue", spec, "--key", key).out.strip()).header["kid"]
    assert kid == thumbprint(key_from_pem((tmp_path / key).read_bytes()))
    token = licet("issue", spec, "--key", key, "--key-id", "acme-2026").out.strip()
    assert read_token(token).header["kid"] == "acme-2026"


def test_manifests_are_a_secret_and_then_the_license_that_names_it(licet: Callable, key: str, write: Callable) -> None:
    answer = licet("issue", write("spec.yaml", SPEC), "--key", key, "-o", "manifests", "--name", "acme-prod")
    secret, license_ = answer.documents
    License.model_validate(license_, extra="forbid")
    reference = license_["spec"]["tokenFrom"]["secretKeyRef"]
    assert license_["metadata"]["name"] == "acme-prod"
    assert secret["metadata"] == {"namespace": "licet-system", "name": reference["name"]}
    assert read_token(secret["stringData"][reference["key"]])


def test_secret_lies_where_the_operator_runs(licet: Callable, key: str, write: Callable) -> None:
    spec = write("spec.yaml", SPEC)
    by_option = licet("issue", spec, "--key", key, "-o", "manifests", "--operator-namespace", "other")
    by_environment = licet("issue", spec, "--key", key, "-o", "manifests", env={"LICET_OPERATOR_NAMESPACE": "other"})
    for answer in (by_option, by_environment):
        assert answer.documents[0]["metadata"]["namespace"] == "other"


@pytest.mark.parametrize(
    ("token_id", "name"),
    [("lic_01JD2Q", "lic-01jd2q"), ("ACME/2026.1", "acme-2026-1"), ("§", "license"), ("x" * 256, "x" * 240)],
)
def test_license_is_named_after_its_id(token_id: str, name: str, licet: Callable, key: str, write: Callable) -> None:
    spec = write("spec.yaml", {**SPEC, "jti": token_id})
    answer = licet("issue", spec, "--key", key, "-o", "manifests")
    assert answer.documents[1]["metadata"]["name"] == name


def test_name_that_no_object_can_have_is_refused(licet: Callable, key: str, write: Callable) -> None:
    answer = licet("issue", write("spec.yaml", SPEC), "--key", key, "-o", "manifests", "--name", "Acme Prod")
    assert (answer.code, answer.out) == (2, "")
    assert "'Acme Prod' can't be the name of an object" in answer.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({**SPEC, "exp": "tomorrow"}, "exp:"),
        ({**SPEC, "customr": 1}, "customr"),
        ({**SPEC, "license": {}}, "license.grants"),
        ("- a\n- list\n", "not a mapping"),
        ("just text", "not a mapping"),
        ("", "is empty"),
        ("iss: [", "is not YAML: line 2, column 1"),
        ("iss: a\niss: b\n", "line 2, column 1: member 'iss' occurs twice"),
        ("a: &x [1]\nb: *x\n", "alias"),
        ("--- {}\n--- {}\n", "2 documents; one is expected"),
        (b"\xff\xfe", "is not text in UTF-8"),
    ],
)
def test_specification_that_is_none_is_told_with_its_fault(
    content: Any, said: str, licet: Callable, key: str, write: Callable
) -> None:
    answer = licet("issue", write("spec.yaml", content), "--key", key)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


@pytest.mark.parametrize("content", [b"", b"no key", b"\x00" * 100, b"-----BEGIN PUBLIC KEY-----\nAAAA\n"])
def test_key_that_is_none_is_told_and_never_shown(content: bytes, licet: Callable, write: Callable) -> None:
    (Path.cwd() / write("bad.pem", content)).chmod(0o600)
    answer = licet("issue", EXAMPLE, "--key", "bad.pem")
    assert (answer.code, answer.out) == (2, "")
    assert "no key" not in answer.err.replace("no private key", "")


def test_key_that_others_may_read_is_warned_of(licet: Callable, key: str, write: Callable, tmp_path: Path) -> None:
    (tmp_path / key).chmod(0o644)
    answer = licet("issue", write("spec.yaml", SPEC), "--key", key)
    assert answer.code == 0
    assert answer.err == f"licet: warning: {key} has mode 0644: others can use the key in it. chmod 600 {key}\n"
