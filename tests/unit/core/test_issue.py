import base64
import hashlib
import json
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import jwt
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm

from licet.core import bounds
from licet.core.errors import SpecError
from licet.core.issue import (
    ALGORITHMS,
    PrivateKey,
    generate_key,
    issue_token,
    key_from_pem,
    key_to_pem,
    thumbprint,
)
from licet.core.jwks import KeySet, key_to_jwk
from licet.core.token import VerifiedToken, verify_token
from licet.core.vendors import Vendor, VendorRegistry
from support.properties import quick
from support.vendor_simulator import DAY, NOW, YEAR, encode

KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
P256_KEY = ec.derive_private_key(7, ec.SECP256R1())
UNKNOWN_CURVE = (  # a curve that no library has: the object identifier of P-256 with its last number changed
    b"-----BEGIN PRIVATE KEY-----\n"
    + base64.b64encode(
        P256_KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()).replace(
            bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d03017f")
        )
    )
    + b"\n-----END PRIVATE KEY-----\n"
)
ISSUER = "https://licenses.acme.example"
SPEC = {"iss": ISSUER, "sub": "cust_42", "exp": "P365D", "license": {"grants": [{"product": "acme-platform"}]}}


def issue(spec: object, key: PrivateKey = KEY, kid: str = "acme-2026") -> str:
    return issue_token(spec, key, kid=kid, now=NOW, token_id="lic_new")


def verify(token: str, key: PrivateKey = KEY) -> VerifiedToken:
    keys = KeySet.parse({"keys": [key_to_jwk("acme-2026", key.public_key())]})
    return verify_token(token, VendorRegistry([Vendor("acme", ISSUER, keys)]), cluster="any")


def problem(spec: object, **arguments: Any) -> str:
    with pytest.raises(SpecError) as caught:
        issue(spec, **arguments)
    return str(caught.value)


def with_grant(**grant: Any) -> dict[str, Any]:
    return {**SPEC, "license": {"grants": [{"product": "acme-platform", **grant}]}}


# -- tokens ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [KEY, P256_KEY], ids=["Ed25519", "P-256"])
def test_what_is_issued_is_verified(key):
    verified = verify(issue(SPEC, key), key)
    assert verified.key_id == "acme-2026"
    assert verified.claims.license.grants[0].product == "acme-platform"


@pytest.mark.parametrize(("key", "algorithm"), [(KEY, "EdDSA"), (P256_KEY, "ES256")])
def test_any_jwt_library_reads_it(key, algorithm):
    token = issue(SPEC, key)
    assert jwt.get_unverified_header(token) == {"alg": algorithm, "typ": "license+jwt", "kid": "acme-2026"}
    read = jwt.decode(
        token, key.public_key(), [algorithm], audience="licet.dev", options={"verify_exp": False, "verify_iat": False}
    )
    assert read["license"] == SPEC["license"]


def test_what_a_specification_leaves_out_is_filled_in():
    claims = verify(issue(SPEC)).claims
    assert (claims.aud, claims.iat, claims.jti, claims.nbf) == ("licet.dev", NOW, "lic_new", 0)


def test_what_a_specification_says_is_kept():
    spec = {**SPEC, "aud": ["licet.dev", "other"], "iat": NOW - 5, "jti": "mine", "nbf": NOW + 5}
    claims = verify(issue(spec)).claims
    assert (claims.audiences, claims.iat, claims.jti, claims.nbf) == (("licet.dev", "other"), NOW - 5, "mine", NOW + 5)


def test_the_same_specification_gives_the_same_token():
    assert issue(SPEC) == issue(SPEC)


def test_specification_is_not_changed():
    spec = {**SPEC, "nbf": "2026-02-01"}
    issue(spec)
    assert spec == {**SPEC, "nbf": "2026-02-01"}


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        (NOW + YEAR, NOW + YEAR),
        ("2027-01-01T00:00:00Z", NOW + YEAR),
        ("2027-01-01", NOW + YEAR),
        (date(2027, 1, 1), NOW + YEAR),
        (datetime(2027, 1, 1, tzinfo=UTC), NOW + YEAR),
        ("P365D", NOW + YEAR),
    ],
)
def test_instants_are_written_as_people_do(written, instant):
    assert verify(issue({**SPEC, "exp": written})).claims.exp == instant


def test_durations_count_from_the_start_of_the_license():
    claims = verify(issue({**SPEC, "nbf": "2026-02-01", "exp": "P10D"})).claims
    assert claims.exp == claims.nbf + 10 * DAY
    claims = verify(issue({**SPEC, "iat": "2025-06-01", "nbf": "P1D", "exp": "P10D"})).claims
    assert (claims.nbf, claims.exp) == (claims.iat + DAY, claims.iat + 11 * DAY)


def test_dates_that_yaml_reads_by_itself_are_dates_everywhere():
    spec = yaml.safe_load(
        """
        iss: https://licenses.acme.example
        sub: cust_42
        nbf: 2026-02-01
        exp: 2027-01-01T00:00:00Z
        license:
          grants: [{product: acme-platform, maintenanceUntil: 2026-10-01}]
        """
    )
    claims = verify(issue(spec)).claims
    assert claims.license.grants[0].maintenance_until == date(2026, 10, 1)
    assert claims.exp == NOW + YEAR


# -- refused specifications --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [None, [], "iss: x", 7])
def test_specification_is_a_mapping(spec):
    assert "not a mapping" in problem(spec)


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        ({**SPEC, "future": 1}, "future"),
        ({**SPEC, "series": "s"}, "series"),
        ({**SPEC, "license": {**SPEC["license"], "gracePeriood": "P14D"}}, "license.gracePeriood"),
        (with_grant(chart=[]), "license.grants.0.chart"),
        (with_grant(limits={"seats": {"max": 1, "Per": "day"}}), "license.grants.0.limits.seats.Per"),
        ({**SPEC, "license": {**SPEC["license"], "critical": ["future"], "future": 1}}, "license"),
    ],
)
def test_mistyped_member_is_an_error_though_readers_ignore_it(spec, where):
    assert f"{where}: " in problem(spec)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({**SPEC, "exp": "soon"}, "exp: 'soon' is not a time"),
        ({**SPEC, "exp": "P1Y"}, "exp: 'P1Y' is not a duration"),
        ({**SPEC, "nbf": "2026-02-30"}, "nbf: '2026-02-30' is not a time"),
        ({**SPEC, "iat": True}, "iat: Input should be a valid integer"),
        ({**SPEC, "exp": None}, "exp: Input should be a valid integer"),
        ({**SPEC, "exp": datetime(2027, 1, 1)}, "is not a time"),  # noqa: DTZ001 - YAML gives such ones
        ({**SPEC, "exp": NOW}, "exp is not later than nbf and iat"),
        ({**SPEC, "nbf": "2028-01-01", "exp": "2027-01-01"}, "exp is not later than nbf and iat"),
        ({**SPEC, "aud": "other"}, "aud does not contain 'licet.dev'"),
        ({**SPEC, "aud": []}, "aud does not contain 'licet.dev'"),
        ({**SPEC, "license": {}}, "license.grants: is missing"),
        ({"license": SPEC["license"]}, "is missing"),
        (with_grant(maintenanceUntil=datetime(2027, 1, 1, tzinfo=UTC)), "maintenanceUntil: "),
        (with_grant(features={"sso": float("nan")}), "can't be written as JSON"),
        (with_grant(features={"sso": b"raw"}), "bytes is not a type of JSON"),
        (with_grant(features={"sso": {1, 2}}), "set is not a type of JSON"),
        (with_grant(features={("a",): 1}), "can't be written as JSON"),
        (with_grant(features={"sso": "\ud800"}), "can't be written as JSON"),
        (with_grant(features={True: 1, "true": 2}), "a member occurs twice"),
        (with_grant(plan="Pro"), "license.grants.0.plan: is not a name"),
        (with_grant(charts=[{"name": "acme", "versions": "banana"}]), "'banana' is not a version range"),
    ],
)
def test_what_no_cluster_would_accept_is_not_signed(spec, words):
    assert words in problem(spec)


def test_specification_that_contains_itself_is_refused():
    spec: dict[str, Any] = dict(SPEC)
    spec["license"] = spec
    assert "can't be written as JSON" in problem(spec)


@pytest.mark.parametrize("kid", ["", "k" * 257])
def test_key_needs_an_id_that_can_be_read(kid):
    assert "names no key" in problem(SPEC, kid=kid)


def test_token_over_64_kib_is_not_issued():
    # One grant of this many features fits into a token; three do not.
    features = {f"feature-{number:03}": "x" * 100 for number in range(200)}
    grants = [{"product": f"p{number}", "features": features} for number in range(3)]
    license_ = {"grants": grants[:1]}
    assert len(issue({**SPEC, "license": license_})) <= bounds.TOKEN_BYTES
    assert "65536 are allowed" in problem({**SPEC, "license": {"grants": grants}})


# -- keys --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_new_key_is_written_as_pkcs_8_and_read_again(algorithm):
    key = generate_key(algorithm)
    pem = key_to_pem(key)
    assert pem.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert key_to_pem(key_from_pem(pem)) == pem
    assert verify(issue(SPEC, key), key)


def test_new_keys_are_ed25519_unless_asked_otherwise_and_never_the_same():
    assert isinstance(generate_key(), ed25519.Ed25519PrivateKey)
    assert isinstance(generate_key("ES256"), ec.EllipticCurvePrivateKey)
    assert key_to_pem(generate_key()) != key_to_pem(generate_key())


@pytest.mark.parametrize("algorithm", ["RS256", "es256", "", "Ed25519 "])
def test_key_for_another_algorithm_is_not_made(algorithm):
    with pytest.raises(SpecError, match="expected one of EdDSA, ES256"):
        generate_key(algorithm)


def test_key_in_the_older_pem_form_of_openssl_is_read():
    pem = P256_KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    assert b"EC PRIVATE KEY" in pem
    assert key_to_pem(key_from_pem(pem)) == key_to_pem(P256_KEY)


def test_encrypted_key_is_refused_with_what_to_do():
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    with pytest.raises(SpecError, match="encrypted; decrypt it first"):
        key_from_pem(pem)


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65_537, 1024),
        ed448.Ed448PrivateKey.generate(),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
    ],
    ids=["RSA", "Ed448", "P-384", "secp256k1"],
)
def test_key_of_another_kind_is_refused(key):
    with pytest.raises(SpecError, match="neither Ed25519 nor P-256"):
        key_from_pem(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"secret",
        b"\xff\xfe",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        UNKNOWN_CURVE,
    ],
)
def test_what_is_no_private_key_is_refused(pem):
    with pytest.raises(SpecError, match="holds no private key in PEM"):
        key_from_pem(pem)


def test_thumbprint_is_that_of_rfc_7638():
    # The key of RFC 8037 appendix A.1, and its thumbprint in A.3.
    secret = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    key = ed25519.Ed25519PrivateKey.from_private_bytes(secret)
    assert thumbprint(key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_thumbprint_of_a_p_256_key_is_of_the_members_that_rfc_7638_requires():
    point = json.loads(ECAlgorithm.to_jwk(P256_KEY.public_key()))
    text = f'{{"crv":"P-256","kty":"EC","x":"{point["x"]}","y":"{point["y"]}"}}'
    assert thumbprint(P256_KEY) == encode(hashlib.sha256(text.encode()).digest())


# -- properties --------------------------------------------------------------------------------------------------------

names = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
feature_texts = texts.map(lambda text: text.replace(",", ";"))
integers = st.integers(-(2**53) + 1, 2**53 - 1)
features = st.booleans() | integers | feature_texts | st.lists(feature_texts, max_size=3)
limits = st.fixed_dictionaries(
    {"max": st.none() | st.integers(0, 2**53 - 1)},
    optional={"per": st.sampled_from(["day", "month", "year"]), "overage": st.sampled_from(["deny", "allow", "20%"])},
)
charts = st.fixed_dictionaries(
    {"name": st.sampled_from(["acme", "acme-*", "*"])},
    optional={
        "versions": st.sampled_from([">=2.0.0 <3.0.0", "^1", "*", "1.x || 2.x"]),
        "channels": st.lists(st.sampled_from(["rc", "beta", "*"]), max_size=2),
    },
)
grants = st.fixed_dictionaries(
    {"product": names},
    optional={
        "plan": names,
        "features": st.dictionaries(names, features, max_size=3),
        "limits": st.dictionaries(names.filter(lambda name: not name.endswith("-unlimited")), limits, max_size=3),
        "charts": st.lists(charts, max_size=2),
        "maintenanceUntil": st.dates().map(str),
    },
)
licenses = st.fixed_dictionaries(
    {"grants": st.lists(grants, min_size=1, max_size=2)},
    optional={
        "series": texts,
        "sequence": st.integers(0, 2**53 - 1),
        "customer": st.fixed_dictionaries({"name": texts}),
        "trial": st.booleans(),
        "gracePeriod": st.integers(0, 3653).map("P{}D".format),
        "onExpiry": st.sampled_from(["Revoke", "Keep"]),
        "bindings": st.fixed_dictionaries({"namespaces": st.lists(st.sampled_from(["prod-*", "*", "a"]), max_size=2)}),
    },
)


@quick
@given(licenses, texts, st.integers(NOW + 1, bounds.NUMERIC_DATE_MAX), st.sampled_from([KEY, P256_KEY]))
def test_whatever_license_is_issued_is_verified_as_it_was_written(license_, subject, exp, key):
    spec = {"iss": ISSUER, "sub": subject, "exp": exp, "license": license_}
    claims = verify(issue(spec, key), key).claims
    assert (claims.sub, claims.exp, claims.license.series) == (subject, exp, license_.get("series"))
    assert len(claims.license.grants) == len(license_["grants"])
    for read, written in zip(claims.license.grants, license_["grants"], strict=True):
        assert (read.product, read.plan) == (written["product"], written.get("plan"))
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in read.features.items()}
        assert listed == written.get("features", {})
        assert {name: limit.max for name, limit in read.limits.items()} == {
            name: limit["max"] for name, limit in written.get("limits", {}).items()
        }


@quick
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.dates() | st.binary(),
        lambda children: (
            st.lists(children, max_size=3)
            | st.dictionaries(
                st.sampled_from(["iss", "exp", "license", "grants"]) | st.integers(), children, max_size=4
            )
        ),
    )
)
def test_whatever_specification_comes_only_a_spec_error_is_raised(spec):
    for shape in (spec, {**SPEC, "license": spec}, {**SPEC, "exp": spec}, with_grant(features=spec)):
        with suppress(SpecError):
            verify(issue({**shape, "iss": ISSUER} if isinstance(shape, dict) else shape))
