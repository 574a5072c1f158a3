"""`licet verify`: 0 for a token that is genuine and valid, 1 for one that is not, 2 for no answer."""

import json
from collections.abc import Callable

import pytest

from support.vendor_simulator import CLUSTER, DAY, NOW, VendorSimulator


@pytest.fixture
def jwks(acme: VendorSimulator, write: Callable) -> str:
    return write("jwks.json", json.dumps(acme.jwks(), indent="\t"))


@pytest.fixture
def vendor(acme: VendorSimulator, write: Callable) -> str:
    return write("vendor.yaml", acme.vendor_manifest())


def test_genuine_token_is_valid_by_jwks_or_vendor(
    licet: Callable, acme: VendorSimulator, jwks: str, vendor: str
) -> None:
    for keys in (jwks, vendor):
        answer = licet("verify", acme.token(), "--jwks", keys)
        assert answer.code == 0
        assert answer.out.startswith("valid (Verified): signed by key 'acme-2026' of Vendor ")
        assert "Globex (cust_42)" in answer.out


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        ("forged_token", "SignatureInvalid"),
        ("altered_token", "SignatureInvalid"),
        ("unsigned_token", "SignatureInvalid"),
        ("token_with_unpublished_key", "UnknownKey"),
        ("token_for_another_audience", "AudienceMismatch"),
        ("token_with_five_parts", "Malformed"),
        ("expired_token", "Expired"),
        ("early_token", "NotYetValid"),
        ("token_from_the_future", "NotYetValid"),
    ],
)
def test_token_that_is_not_valid_is_exit_code_1_with_the_reason(
    make: str, reason: str, licet: Callable, acme: VendorSimulator, vendor: str
) -> None:
    token = getattr(acme, make)()
    answer = licet("verify", token, "--jwks", vendor)
    assert answer.code == 1
    assert answer.out.startswith(f"invalid ({reason}): ")
    assert licet("verify", token, "--jwks", vendor, "-o", "json").document["reason"] == reason


def test_token_of_another_issuer_is_valid_for_bare_keys_only(
    licet: Callable, acme: VendorSimulator, jwks: str, vendor: str
) -> None:
    token = acme.token_of_issuer("https://licenses.acme.example.evil")
    assert licet("verify", token, "--jwks", jwks).code == 0
    assert licet("verify", token, "--jwks", vendor).code == 1


def test_license_in_its_grace_period_is_valid(licet: Callable, acme: VendorSimulator, jwks: str) -> None:
    answer = licet("verify", acme.token_in_grace(), "--jwks", jwks)
    assert answer.code == 0
    assert answer.out.startswith("valid (InGrace): ")


@pytest.mark.parametrize(
    ("at", "code"), [("2026-01-01", 0), ("2026-12-31T23:59:59Z", 0), ("2027-01-01T00:00:00Z", 1), ("2025-12-01", 1)]
)
def test_answer_is_for_the_time_that_was_asked_for(
    at: str, code: int, licet: Callable, acme: VendorSimulator, jwks: str
) -> None:
    answer = licet("verify", acme.token(iat=NOW - 60 * DAY), "--jwks", jwks, "--at", at, "-o", "json")
    assert answer.code == code
    assert answer.document["at"] == f"{at}T00:00:00Z"[:20] if "T" not in at else at


def test_binding_to_a_cluster_is_judged_where_one_is_named(licet: Callable, acme: VendorSimulator, jwks: str) -> None:
    token = acme.token(bindings={"clusters": [CLUSTER]})
    unnamed = licet("verify", token, "--jwks", jwks)
    assert unnamed.code == 0
    assert "not judged; --cluster-uid" in unnamed.out
    assert licet("verify", token, "--jwks", jwks, "--cluster-uid", CLUSTER).code == 0
    assert licet("verify", token, "--jwks", jwks, "--cluster-uid", "another").code == 1


def test_several_tokens_are_valid_when_all_are(licet: Callable, acme: VendorSimulator, jwks: str) -> None:
    good, bad = acme.token(), acme.forged_token()
    assert licet("verify", "-", "--jwks", jwks, stdin=f"{good}\n{acme.token()}\n").code == 0
    answer = licet("verify", "-", "--jwks", jwks, "-o", "yaml", stdin=f"{good}\n{bad}\n")
    assert answer.code == 1
    assert [document["valid"] for document in answer.documents] == [True, False]


def test_of_one_series_the_highest_sequence_takes_the_place_of_the_others(
    licet: Callable, acme: VendorSimulator, jwks: str
) -> None:
    tokens = [acme.token(series="sub_1", sequence=sequence) for sequence in (1, 2)]
    answer = licet("verify", "-", "--jwks", jwks, "-o", "yaml", stdin="\n".join(tokens))
    assert answer.code == 1
    assert [document["reason"] for document in answer.documents] == ["Superseded", "Verified"]


def test_verified_claims_are_given_to_programs_and_others_are_not(
    licet: Callable, acme: VendorSimulator, jwks: str
) -> None:
    claims = acme.claims()
    assert licet("verify", acme.sign(claims), "--jwks", jwks, "-o", "json").document["claims"] == claims
    assert licet("verify", acme.forged_token(), "--jwks", jwks, "-o", "json").document["claims"] is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"keys": []}, "at least one key"),
        ({"keys": [{"kty": "oct", "kid": "x", "k": "c2VjcmV0"}]}, "secret key material"),
        ({"kind": "ConfigMap", "metadata": {"name": "x"}}, "holds neither a JWKS nor a Vendor"),
        ("eyJ.e.e", "holds neither a JWKS nor a Vendor"),
        ("", "is empty"),
        ('{"keys": 1, "keys": 2}', "member 'keys' occurs twice"),
        ('{"keys": NaN}', "NaN is not a number"),
    ],
)
def test_keys_that_are_none_give_no_answer(
    content: object, said: str, licet: Callable, acme: VendorSimulator, write: Callable
) -> None:
    answer = licet("verify", acme.token(), "--jwks", write("keys.json", content))
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert "c2VjcmV0" not in answer.err


def test_two_vendors_of_one_issuer_are_not_trusted(licet: Callable, acme: VendorSimulator, write: Callable) -> None:
    twin = VendorSimulator(name="twin", issuer=acme.issuer)
    both = write("both.yaml", acme.vendor_manifest(), twin.vendor_manifest())
    answer = licet("verify", acme.token(), "--jwks", both)
    assert answer.code == 1
    assert "IssuerConflict" in answer.out


@pytest.mark.parametrize("at", ["yesterday", "2026-13-01", "1767225600", ""])
def test_time_that_is_none_is_wrong_usage(at: str, licet: Callable, acme: VendorSimulator, jwks: str) -> None:
    answer = licet("verify", acme.token(), "--jwks", jwks, "--at", at)
    assert (answer.code, answer.out) == (2, "")
    assert "'--at'" in answer.err


def test_license_that_rules_break_glass_out_says_so(licet: Callable, acme: VendorSimulator, vendor: str) -> None:
    assert "Break-glass:   ruled out" in licet("verify", acme.token(breakGlass=False), "--jwks", vendor).out
    assert "Break-glass" not in licet("verify", acme.token(), "--jwks", vendor).out


BLANK = ["\n", " \r\n", "\ufeff"]


@pytest.mark.parametrize("text", BLANK, ids=["line", "spaces", "mark"])
def test_blank_file_holds_no_license(text: str, licet: Callable, write: Callable, vendor: str) -> None:
    blank = write("blank.jwt", text)
    asked = ("check", "acme-platform", "2.4.1", "-n", "prod-eu", "--vendor", vendor, "--license", blank)
    for arguments in (("verify", blank, "--jwks", vendor), ("inspect", blank), asked):
        answer = licet(*arguments)
        assert (answer.code, answer.out) == (2, "")
        assert "blank.jwt" in answer.err


def test_vendor_may_come_through_a_pipe(licet: Callable, acme: VendorSimulator) -> None:
    manifest = json.dumps(acme.vendor_manifest())
    assert licet("verify", acme.token(), "--jwks", "-", stdin=manifest).code == 0
