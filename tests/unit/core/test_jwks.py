import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from licet.core import bounds
from licet.core.errors import KeySetError
from licet.core.jwks import KeySet, key_to_jwk
from support.properties import quick

ED25519 = {
    # RFC 8037 appendix A.2
    "kty": "OKP",
    "crv": "Ed25519",
    "kid": "one",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
P256 = {
    # RFC 7515 appendix A.3.1
    "kty": "EC",
    "crv": "P-256",
    "kid": "two",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}


def parse(*keys: object) -> KeySet:
    return KeySet.parse({"keys": list(keys)})


def problem(*keys: object) -> str:
    with pytest.raises(KeySetError) as caught:
        parse(*keys)
    return str(caught.value)


def test_keys_are_ed25519_and_p_256_by_their_id():
    keys = parse(ED25519, P256).keys
    assert isinstance(keys["one"].public_key, Ed25519PublicKey)
    assert isinstance(keys["two"].public_key, EllipticCurvePublicKey)


def test_each_key_pins_its_algorithm():
    keys = parse(ED25519, P256).keys
    assert keys["one"].algorithms == ("EdDSA", "Ed25519")
    assert keys["two"].algorithms == ("ES256",)


@pytest.mark.parametrize(
    "members",
    [
        {"use": "sig"},
        {"key_ops": ["verify"]},
        {"key_ops": ["sign", "verify"]},
        {"x5t": "ignored", "future": {"a": 1}},
    ],
)
def test_declared_use_for_signatures_and_other_members_are_accepted(members):
    assert parse({**ED25519, **members}, {**P256, **members})


@pytest.mark.parametrize(("key", "alg"), [(ED25519, "EdDSA"), (ED25519, "Ed25519"), (P256, "ES256")])
def test_declared_algorithm_may_be_the_keys_own(key, alg):
    assert parse({**key, "alg": alg}).keys[key["kid"]].algorithms == parse(key).keys[key["kid"]].algorithms


@pytest.mark.parametrize("key", [ED25519, P256])
@pytest.mark.parametrize("alg", ["HS256", "RS256", "Ed448", "ES384", "none", "", None, ["EdDSA", "ES256"]])
def test_contradictory_algorithm_is_refused(key, alg):
    assert "declares an algorithm" in problem({**key, "alg": alg})


def test_algorithm_of_the_other_kind_is_refused():
    assert "expected EdDSA" in problem({**ED25519, "alg": "ES256"})
    assert "expected ES256" in problem({**P256, "alg": "EdDSA"})


@pytest.mark.parametrize("use", ["enc", "", None, ["sig"]])
def test_contradictory_use_is_refused(use):
    assert "use other than `sig`" in problem({**ED25519, "use": use})


@pytest.mark.parametrize("operations", [[], ["sign"], "verify", None, {"verify": True}])
def test_key_operations_without_verify_are_refused(operations):
    assert "key_ops without `verify`" in problem({**ED25519, "key_ops": operations})


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_private_and_symmetric_key_material_is_refused_and_not_repeated(member):
    message = problem({**ED25519, member: "5ecretKeyMaterial"})
    assert "secret key material" in message
    assert "5ecret" not in message


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ({"kty": "oct", "kid": "k"}, "oct/(no curve)"),
        ({"kty": "RSA", "kid": "k", "n": "AQAB", "e": "AQAB"}, "RSA/(no curve)"),
        ({**ED25519, "crv": "Ed448"}, "OKP/Ed448"),
        ({**ED25519, "crv": "X25519"}, "OKP/X25519"),
        ({**P256, "crv": "P-384"}, "EC/P-384"),
        ({**P256, "crv": "secp256k1"}, "EC/secp256k1"),
        ({**P256, "kty": "OKP"}, "OKP/P-256"),
        ({**ED25519, "kty": "EC"}, "EC/Ed25519"),
        ({**ED25519, "kty": "okp"}, "okp/Ed25519"),
    ],
)
def test_keys_of_another_kind_are_refused(key, kind):
    assert f"is of kind {kind}; expected OKP/Ed25519 or EC/P-256" in problem(key)


@pytest.mark.parametrize("member", ["kty", "kid", "x"])
@pytest.mark.parametrize("value", [None, 7, ["a"], {}])
def test_required_members_are_texts(member, value):
    assert f"has no {member}" in problem({**ED25519, member: value})


@pytest.mark.parametrize("kid", ["", "x" * 257])
def test_key_id_is_of_1_to_256_characters(kid):
    assert ".kid has to be" in problem({**ED25519, "kid": kid})
    assert parse({**ED25519, "kid": "x" * 256})


@pytest.mark.parametrize("key", [ED25519, P256])
@pytest.mark.parametrize(
    "change",
    [
        lambda x: x + "=",
        lambda x: x[:-1],
        lambda x: x + "A",
        lambda x: x[:-1] + chr(ord(x[-1]) + 1),
        lambda x: x.replace("_", "/"),
        lambda x: "",
        lambda x: "é" + x[1:],
        lambda x: x[:10] + "\n" + x[10:],
    ],
)
def test_coordinates_are_canonical_base64url_of_32_bytes(key, change):
    changed = change(key["x"])
    if changed != key["x"]:
        assert "is not 32 bytes in base64url" in problem({**key, "x": changed})


def test_point_off_the_curve_is_refused():
    assert "is not a point on the curve P-256" in problem({**P256, "x": P256["y"]})


def test_key_ids_are_unique():
    assert "two keys have the ID 'one'" in problem(ED25519, {**P256, "kid": "one"})
    assert "two keys have the ID 'one'" in problem(ED25519, ED25519)


def test_number_of_keys_is_bounded():
    keys = [{**ED25519, "kid": f"key-{number}"} for number in range(bounds.KEYS_PER_VENDOR + 1)]
    assert len(parse(*keys[1:]).keys) == bounds.KEYS_PER_VENDOR
    assert f"{bounds.KEYS_PER_VENDOR} are allowed" in problem(*keys)


@pytest.mark.parametrize("document", [None, [], "{}", {}, {"keys": None}, {"keys": {}}, {"keys": []}, ED25519])
def test_what_is_no_key_set_is_refused(document):
    with pytest.raises(KeySetError, match="list `keys`"):
        KeySet.parse(document)


@pytest.mark.parametrize("key", [None, "key", [ED25519], 7])
def test_key_is_an_object(key):
    assert "is not an object" in problem(ED25519, key)


def test_two_readings_of_one_key_set_are_equal_and_other_keys_are_not():
    assert parse(ED25519, P256) == parse(ED25519, P256)
    assert parse({**P256, "kid": "one"}) != parse(ED25519)
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    assert parse(key_to_jwk("one", other)) != parse(ED25519)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(Ed25519PrivateKey.from_private_bytes(bytes(32)), "EdDSA"), (derive_private_key(7, SECP256R1()), "ES256")],
    ids=["Ed25519", "P-256"],
)
def test_written_key_is_read_again_and_says_what_it_is_for(key, algorithm):
    jwk = key_to_jwk("mine", key.public_key())
    assert (jwk["use"], jwk["alg"]) == ("sig", algorithm)
    assert "d" not in jwk
    assert parse(jwk).keys["mine"].public_key == key.public_key()


@pytest.mark.parametrize(("secret", "coordinate"), [(379, "x"), (43, "y")])
def test_coordinate_that_begins_with_zeros_is_written_in_full(secret, coordinate):
    key = derive_private_key(secret, SECP256R1()).public_key()
    assert getattr(key.public_numbers(), coordinate) < 2**248
    assert parse(key_to_jwk("k", key)).keys["k"].public_key == key


@quick
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda children: (
            st.lists(children, max_size=3)
            | st.dictionaries(st.sampled_from(["keys", "kty", "crv", "kid", "x", "alg", "use"]), children)
        ),
    )
)
def test_whatever_document_comes_only_a_key_set_error_is_raised(document):
    for shape in (document, {"keys": document}, {"keys": [document]}):
        with pytest.raises(KeySetError):
            KeySet.parse(shape)


@quick
@given(st.sampled_from([ED25519, P256]), st.sampled_from(["kty", "crv", "x", "y"]), st.text(max_size=50))
def test_whatever_a_member_says_only_a_key_set_error_is_raised(key, member, text):
    try:
        parse({**key, member: text})
    except KeySetError as error:
        message = str(error)
    else:
        message = "is a point"
    assert message
