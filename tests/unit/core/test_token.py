import json
import re
import traceback
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from licet.core import bounds
from licet.core.errors import VerificationError
from licet.core.jwks import KeySet
from licet.core.reasons import Reason
from licet.core.token import REFUSED_HEADERS, VerifiedToken, read_token, verify_token
from licet.core.vendors import VendorRegistry
from support.properties import quick
from support.vendor_simulator import ABSENT, CLUSTER, VendorSimulator, decode, encode, to_json

Make = Callable[[VendorSimulator], str]


@pytest.fixture
def acme() -> VendorSimulator:
    return VendorSimulator()


@pytest.fixture(params=["EdDSA", "ES256"])
def signer(request) -> VendorSimulator:
    """A vendor that signs by either algorithm, for the tests to which that makes a difference."""
    return VendorSimulator(algorithm=request.param)


def verify(token: str, *vendors: VendorSimulator, cluster: str | None = CLUSTER) -> VerifiedToken:
    return verify_token(token, VendorRegistry(vendor.vendor() for vendor in vendors), cluster=cluster)


def refusal(token: str, *vendors: VendorSimulator, cluster: str | None = CLUSTER) -> VerificationError:
    """Have a token refused, and look at the error for what must never be in one."""
    with pytest.raises(VerificationError) as caught:
        verify(token, *vendors, cluster=cluster)
    shown = "".join(traceback.format_exception_only(caught.value)) + repr(caught.value)
    assert len(str(caught.value)) < 1024
    for part in re.split(r"[^A-Za-z0-9_-]", token):
        assert len(part) < 8 or part not in shown
    assert caught.value.__cause__ is None
    return caught.value


# -- good tokens -------------------------------------------------------------------------------------------------------


def test_good_token_is_verified(signer):
    token = signer.token(series="sub_9f2", sequence=3, features={"sso": True})
    verified = verify(token, signer)
    assert (verified.vendor, verified.key_id, verified.text) == ("acme", "acme-2026", token)
    assert verified.claims.license.grants[0].features == {"sso": True}


def test_the_name_that_rfc_9864_gives_to_ed25519_is_read_as_well():
    acme = VendorSimulator()
    assert verify(acme.sign(acme.claims(), alg="Ed25519"), acme)


def test_each_of_a_vendors_keys_verifies_with_its_own_algorithm(acme):
    old = acme.token()
    acme.rotate_key("acme-2027", "ES256")
    assert verify(old, acme).key_id == "acme-2026"
    assert verify(acme.token(), acme).key_id == "acme-2027"


def test_header_members_without_meaning_are_ignored(acme):
    assert verify(acme.sign(acme.claims(), x5t="abc", unknown={"a": [1]}), acme)


@pytest.mark.parametrize("audience", ["licet.dev", ["updates.acme.example", "licet.dev"]])
def test_audience_is_one_or_a_list_with_licet_in_it(acme, audience):
    assert verify(acme.token(aud=audience), acme)


def test_token_bound_to_this_cluster_is_verified(acme):
    assert verify(acme.token(bindings={"clusters": ["another", CLUSTER]}), acme)


def test_outside_of_a_cluster_bindings_to_clusters_are_left_out_of_account(acme):
    assert verify(acme.token_for_another_cluster(), acme, cluster=None)


@pytest.mark.parametrize("make", [VendorSimulator.expired_token, VendorSimulator.token_from_the_future])
def test_verifying_does_not_look_at_the_clock(acme, make):
    assert verify(make(acme), acme)


@pytest.mark.parametrize("size", [bounds.TOKEN_BYTES - 1, bounds.TOKEN_BYTES])
def test_token_of_64_kib_is_read(acme, size):
    token = acme.token_of_size(size)
    assert len(token) == size
    assert verify(token, acme)


def test_verified_token_does_not_show_its_text(acme):
    verified = verify(acme.token(), acme)
    assert verified.text not in repr(verified)
    assert verified.text.rpartition(".")[2] not in repr(read_token(verified.text))


# -- rank and series ---------------------------------------------------------------------------------------------------


def test_rank_is_by_sequence_then_issue_then_id(acme):
    ranks = [
        verify(acme.token(series="s", **claims), acme).rank
        for claims in (
            {"sequence": 1, "iat": 9, "jti": "z"},
            {"sequence": 2, "iat": 7, "jti": "z"},
            {"sequence": 2, "iat": 8, "jti": "a"},
            {"sequence": 2, "iat": 8, "jti": "b"},
            {"sequence": 10, "iat": 1, "jti": "a"},
        )
    ]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranks)


def test_token_without_series_is_not_of_the_series_named_like_its_id(acme):
    assert verify(acme.token(jti="x"), acme).series != verify(acme.token(jti="y", series="x"), acme).series


# -- who signed --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (VendorSimulator.forged_token, Reason.SIGNATURE_INVALID),
        (VendorSimulator.altered_token, Reason.SIGNATURE_INVALID),
        (VendorSimulator.token_with_signature_of_another, Reason.SIGNATURE_INVALID),
        (VendorSimulator.token_without_signature, Reason.SIGNATURE_INVALID),
        (VendorSimulator.unsigned_token, Reason.SIGNATURE_INVALID),
        (VendorSimulator.rsa_token, Reason.SIGNATURE_INVALID),
        (VendorSimulator.ed448_token, Reason.SIGNATURE_INVALID),
        (VendorSimulator.token_with_unpublished_key, Reason.UNKNOWN_KEY),
        (VendorSimulator.token_for_another_audience, Reason.AUDIENCE_MISMATCH),
        (VendorSimulator.token_for_another_cluster, Reason.CLUSTER_MISMATCH),
    ],
)
def test_token_that_the_vendor_did_not_sign_for_here_is_refused(signer, make: Make, reason):
    assert refusal(make(signer), signer).reason is reason


@pytest.mark.parametrize("form", ["PEM", "DER", "JWK"])
def test_public_key_is_no_shared_secret(signer, form):
    assert refusal(signer.token_signed_with_public_key(form), signer).reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_algorithm_is_pinned_by_the_key_and_not_asked_for_by_the_header(signer, algorithm):
    signer.rotate_key("acme-2027", algorithm)
    assert refusal(signer.token_with_algorithm_of_another_key("acme-2026"), signer).reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize("algorithm", [ABSENT, None, "", "eddsa", ["EdDSA"], {"EdDSA": 1}, 7, "ES384", "ES256K"])
def test_header_without_the_algorithm_of_its_key_is_refused(signer, algorithm):
    assert refusal(signer.sign(signer.claims(), alg=algorithm), signer).reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_signature_of_another_length_is_refused(signer, length):
    signed = signer.token().rpartition(".")[0]
    assert refusal(f"{signed}.{encode(bytes(length))}", signer).reason is Reason.SIGNATURE_INVALID


def test_signature_in_the_form_of_other_protocols_is_refused():
    signer = VendorSimulator(algorithm="ES256")
    signed, _, signature = signer.token().rpartition(".")
    raw = decode(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    assert refusal(f"{signed}.{encode(der)}", signer).reason is Reason.SIGNATURE_INVALID


def test_token_of_a_withdrawn_key_is_refused(acme):
    token = acme.token()
    acme.rotate_key("acme-2027")
    acme.withdraw_key("acme-2026")
    error = refusal(token, acme)
    assert error.reason is Reason.UNKNOWN_KEY
    assert "'acme-2026'" in str(error)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://licenses.acme.example/",
        "https://licenses.acme.example.evil.example",
        "https://evil.example/https://licenses.acme.example",
        "HTTPS://LICENSES.ACME.EXAMPLE",
        " https://licenses.acme.example",
        "https://licenses.acme.exampl",
        "",
    ],
)
def test_issuer_that_is_not_exactly_the_vendors_is_unknown(acme, issuer):
    error = refusal(acme.token_of_issuer(issuer), acme)
    assert error.reason is Reason.UNKNOWN_VENDOR
    assert repr(issuer) in str(error)


def test_key_of_one_vendor_does_not_sign_for_another(acme):
    other = VendorSimulator(name="other")
    assert refusal(acme.token_of_issuer(other.issuer), acme, other).reason is Reason.UNKNOWN_KEY


def test_of_two_vendors_with_one_issuer_none_is_trusted(acme):
    rival = VendorSimulator(name="rival", issuer=acme.issuer)
    for vendor in (acme, rival):
        error = refusal(vendor.token(), acme, rival)
        assert error.reason is Reason.ISSUER_CONFLICT
        assert "acme, rival" in str(error)


def test_vendor_whose_keys_cannot_be_read_verifies_nothing(acme):
    with pytest.raises(VerificationError, match="keys of Vendor acme can't be read") as caught:
        verify_token(acme.token(), VendorRegistry([acme.vendor(keys=None)]), cluster=CLUSTER)
    assert caught.value.reason is Reason.UNKNOWN_KEY


@pytest.mark.parametrize("audience", [[], ["updates.acme.example"], "licet", "LICET.DEV", "licet.dev.evil.example"])
def test_token_for_another_audience_is_refused(acme, audience):
    assert refusal(acme.token(aud=audience), acme).reason is Reason.AUDIENCE_MISMATCH


def test_token_bound_to_no_cluster_matches_none(acme):
    assert refusal(acme.token(bindings={"clusters": []}), acme).reason is Reason.CLUSTER_MISMATCH


# -- form --------------------------------------------------------------------------------------------------------------


def malformed(token: str, *vendors: VendorSimulator) -> str:
    error = refusal(token, *vendors)
    assert error.reason is Reason.MALFORMED
    return str(error)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (VendorSimulator.token_with_five_parts, "has three parts between dots, this has 5"),
        (VendorSimulator.token_in_general_json, "has three parts"),
        (VendorSimulator.token_in_flattened_json, "has three parts"),
        (VendorSimulator.nested_token, "cty"),
        (VendorSimulator.padded_token, "canonical base64url without padding"),
        (VendorSimulator.token_in_base64_with_plus_and_slash, "canonical base64url"),
        (VendorSimulator.token_with_stray_bits, "canonical base64url"),
        (VendorSimulator.token_with_line_break, "base64url"),
    ],
)
def test_what_is_no_compact_jws_is_malformed(acme, make: Make, problem):
    assert problem in malformed(make(acme), acme)


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "...", "a.b", "a.b.c", "secret-password", "\ud800.\udfff.x", "\x00.\x00.\x00", "ä.ö.ü", " . . "],
)
def test_text_that_is_no_token_is_malformed(acme, text):
    malformed(text, acme)


def test_token_within_a_token_is_malformed_even_if_its_header_does_not_say_so(acme):
    assert "payload is not JSON" in malformed(acme.sign(acme.token()), acme)


def test_token_over_64_kib_is_refused_before_it_is_parsed(acme):
    assert "longer than 65536 characters" in malformed(acme.token_of_size(bounds.TOKEN_BYTES + 1), acme)
    assert "longer than 65536 characters" in malformed("." * 100_000, acme)


@pytest.mark.parametrize("header", sorted(REFUSED_HEADERS))
@pytest.mark.parametrize("value", ["https://keys.example/jwks.json", True, None, [], {}])
def test_header_that_fetches_carries_or_changes_meaning_is_refused(acme, header, value):
    assert f"its header has {header}" in malformed(acme.sign(acme.claims(), **{header: value}), acme)


def test_refused_headers_are_those_of_the_contract():
    assert {"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "cty"} == REFUSED_HEADERS


@pytest.mark.parametrize(
    "typ",
    [ABSENT, None, "", "JWT", "LICENSE+JWT", "license+jwt ", "application/license+jwt", "at+jwt", ["license+jwt"]],
)
def test_type_is_exactly_that_of_a_license(acme, typ):
    assert "typ 'license+jwt'" in malformed(acme.sign(acme.claims(), typ=typ), acme)


@pytest.mark.parametrize("kid", [ABSENT, None, "", 7, ["acme-2026"], {"kid": 1}, "k" * 257])
def test_token_has_to_name_its_key(acme, kid):
    header = acme.header() | {"kid": kid}
    if kid is ABSENT:
        del header["kid"]
    assert "names no key" in malformed(acme.sign_bytes(to_json(header), to_json(acme.claims())), acme)


def test_key_id_of_other_text_is_unknown(acme):
    header = to_json(acme.header() | {"kid": "acme-2026 "})
    assert refusal(acme.sign_bytes(header, to_json(acme.claims())), acme).reason is Reason.UNKNOWN_KEY


@pytest.mark.parametrize("issuer", [ABSENT, None, 7, ["https://licenses.acme.example"], {"iss": 1}])
def test_token_has_to_name_its_issuer(acme, issuer):
    assert "names no issuer" in malformed(acme.token(iss=issuer), acme)


BROKEN_JSON = {
    b"": "is not JSON",
    b"{": "is not JSON",
    b"{}{}": "is not JSON",
    b"{'a':1}": "is not JSON",
    b'{"a":01}': "is not JSON",
    b'{"a":"\n"}': "is not JSON",
    b"\xef\xbb\xbf{}": "is not JSON",
    b'{"a":"\xff"}': "is not UTF-8",
    b'{"a":"\xed\xa0\x80"}': "is not UTF-8",
    '{"a":1}'.encode("utf-16"): "is not UTF-8",
    b"[]": "is not a JSON object",
    b"null": "is not a JSON object",
    b'"text"': "is not a JSON object",
    b'{"a":1,"a":1}': "a member occurs twice",
    b'{"a":1,"\\u0061":2}': "a member occurs twice",
    b'{"a":{"b":[{"c":1,"c":2}]}}': "a member occurs twice",
    b'{"a":NaN}': "NaN is not a number",
    b'{"a":[Infinity]}': "Infinity is not a number",
    b'{"a":-Infinity}': "-Infinity is not a number",
    b'{"a":1e400}': "a number is too large",
    b'{"a":' + 5000 * b"9" + b"}": "a number is too large",
    b'{"a":"\\ud800"}': "half of a surrogate pair",
    b'{"\\udfff":1}': "half of a surrogate pair",
    b'{"a":' + 16 * b"[" + 16 * b"]" + b"}": "nested deeper than 16",
    b'{"a":' + 8 * b'[{"b":' + b"1" + 8 * b"}]" + b"}": "nested deeper than 16",
    b'{"a":' + 20_000 * b"[" + 20_000 * b"]" + b"}": "nested",
    20_000 * b"[": "nested",
}


@pytest.mark.parametrize("raw", BROKEN_JSON, ids=lambda raw: repr(raw[:20]))
@pytest.mark.parametrize("part", ["header", "payload"])
def test_json_that_readers_may_understand_differently_is_malformed(part, raw):
    acme = VendorSimulator()
    good = to_json(acme.header()), to_json(acme.claims())
    token = acme.sign_bytes(raw, good[1]) if part == "header" else acme.sign_bytes(good[0], raw)
    problem = malformed(token, acme)
    assert f"its {part} " in problem
    assert BROKEN_JSON[raw] in problem


def test_json_nested_as_deeply_as_tokens_may_be_is_read():
    acme = VendorSimulator()
    nested = json.loads(15 * "[" + 15 * "]")
    assert verify(acme.sign(acme.claims() | {"unknown": nested}), acme)


def test_pair_of_surrogates_is_a_character():
    acme = VendorSimulator()
    token = acme.sign_bytes(to_json(acme.header()), to_json(acme.claims(customer={"name": "\N{ROCKET} Ltd"})))
    assert verify(token, acme).claims.license.customer.name == "\N{ROCKET} Ltd"


def test_doubled_members_anywhere_in_good_claims_are_refused():
    acme = VendorSimulator()
    text = to_json(acme.claims(features={"sso": True})).decode()
    for doubled in (
        text.replace('"sso":true', '"sso":true,"sso":false'),
        text.replace('"license":', '"license":null,"license":'),
        text.replace('"exp":', '"exp":1,"exp":'),
    ):
        assert doubled != text
        assert "a member occurs twice" in malformed(acme.sign(doubled), acme)


def test_claims_are_not_looked_at_before_the_signature_is_verified():
    acme = VendorSimulator()
    claims = acme.claims(exp="never")
    header, payload, _ = acme.sign(claims).split(".")
    assert refusal(f"{header}.{payload}.{encode(bytes(64))}", acme).reason is Reason.SIGNATURE_INVALID
    assert malformed(acme.sign(claims), acme).endswith("exp: Input should be a valid integer")


# -- properties --------------------------------------------------------------------------------------------------------

ACME = VendorSimulator()
GOOD = ACME.token(series="s", features={"sso": True})
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=10,
)


def refused_with(token: str) -> str:
    try:
        verify(token, ACME)
    except VerificationError as error:
        return str(error)
    return ""


@quick
@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,9}\.[A-Za-z0-9_-]{0,9}\.[A-Za-z0-9_-]{0,9}"))
def test_whatever_text_comes_nothing_but_a_refusal_is_raised(text):
    assert refused_with(text)


@quick
@given(st.binary(), st.binary())
def test_whatever_bytes_are_signed_nothing_but_a_refusal_is_raised(header, payload):
    assert refused_with(ACME.sign_bytes(header, payload))
    assert refused_with(ACME.sign_bytes(to_json(ACME.header()), payload))


@quick
@given(st.dictionaries(st.sampled_from(["alg", "typ", "kid", "jku", "x"]), json_values), json_values)
def test_whatever_header_and_payload_are_signed_nothing_but_a_refusal_is_raised(header, payload):
    assert refused_with(ACME.sign_bytes(to_json(ACME.header() | header), to_json(payload)))


@quick
@given(st.data())
def test_every_changed_character_is_noticed(data):
    position = data.draw(st.integers(0, len(GOOD) - 1))
    character = data.draw(st.sampled_from("ABCDwxyz0189-_.=+/ \n\x00é").filter(lambda new: new != GOOD[position]))
    with pytest.raises(VerificationError):
        verify(GOOD[:position] + character + GOOD[position + 1 :], ACME)


def test_key_set_of_another_vendor_with_the_same_key_id_does_not_verify():
    other = KeySet.parse(VendorSimulator(name="other").jwks() | {})
    stolen = {"acme-2026": next(iter(other.keys.values()))}
    with pytest.raises(VerificationError) as caught:
        verify_token(GOOD, VendorRegistry([ACME.vendor(keys=KeySet(stolen))]), cluster=CLUSTER)
    assert caught.value.reason is Reason.SIGNATURE_INVALID
