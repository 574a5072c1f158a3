"""`licet inspect`: what a token says, whoever wrote it."""

from collections.abc import Callable

import pytest

from support.vendor_simulator import NOW, VendorSimulator


def test_nobody_takes_an_inspected_token_for_verified(licet: Callable, acme: VendorSimulator) -> None:
    answer = licet("inspect", acme.forged_token())
    assert answer.code == 0
    assert answer.out.startswith("NOT VERIFIED:")
    assert licet("inspect", acme.forged_token(), "-o", "json").document["verified"] is False


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_claims_are_shown_to_programs_as_they_stand_in_the_token(
    output: str, licet: Callable, acme: VendorSimulator
) -> None:
    claims = acme.claims(features={"sso": True, "retention-days": 365})
    (document,) = licet("inspect", acme.sign(claims), "-o", output).documents
    assert document["claims"] == claims
    assert document["header"] == acme.header()


def test_people_are_told_times_they_can_read(licet: Callable, acme: VendorSimulator) -> None:
    assert f"iat: {NOW} (2026-01-01T00:00:00Z)" in licet("inspect", acme.token()).out


def test_token_comes_from_a_file_or_standard_input_or_is_given(
    licet: Callable, acme: VendorSimulator, write: Callable
) -> None:
    token = acme.token()
    answers = (
        licet("inspect", token, "-o", "json"),
        licet("inspect", "-", "-o", "json", stdin=f"{token}\n"),
        licet("inspect", write("acme.jwt", f"\n{token}\n"), "-o", "json"),
        licet("inspect", write("bom.jwt", b"\xef\xbb\xbf" + token.encode()), "-o", "json"),
    )
    assert all(answer == answers[0] for answer in answers)
    assert answers[0].code == 0


def test_tokens_inside_of_manifests_are_found(licet: Callable, acme: VendorSimulator, write: Callable) -> None:
    inline, from_secret = acme.token(jti="one"), acme.token(jti="two")
    secret = {"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"license.jwt": from_secret, "note": "x: y"}}
    path = write("both.yaml", acme.license_manifest("acme", inline), secret)
    answer = licet("inspect", path, "-o", "yaml")
    assert [document["claims"]["jti"] for document in answer.documents] == ["one", "two"]


def test_claims_can_not_steer_the_terminal(licet: Callable, acme: VendorSimulator) -> None:
    attack = "\x1b[2J\x9b31m\u202eVERIFIED\x07"
    token = acme.sign(acme.claims(customer={"name": attack}))
    for output in ((), ("-o", "json"), ("-o", "yaml")):
        answer = licet("inspect", token, *output)
        assert answer.code == 0
        assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(answer.out)
    assert licet("inspect", token, "-o", "json").document["claims"]["license"]["customer"]["name"] == attack


def test_readable_text_of_other_scripts_stays_readable(licet: Callable, acme: VendorSimulator) -> None:
    token = acme.token(customer={"name": "Müller & Söhne, 株式会社"})
    for output in ((), ("-o", "json"), ("-o", "yaml")):
        assert "Müller & Söhne, 株式会社" in licet("inspect", token, *output).out


def test_what_no_cluster_would_accept_is_said(licet: Callable, acme: VendorSimulator) -> None:
    answer = licet("inspect", acme.token(exp="never"))
    assert answer.code == 0
    assert "No cluster would accept it: exp: " in answer.out


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("missing.jwt", "'missing.jwt' is neither a file nor a token"),
        (".", "can't be read: Is a directory"),
        ("eyJ.x", "three parts between dots, this has 2"),
        ("eyJ" + "x" * 70_000, "longer than 65536"),
    ],
)
def test_what_is_no_token_is_told_as_such(source: str, said: str, licet: Callable) -> None:
    answer = licet("inspect", source)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


def test_private_key_given_by_mistake_is_not_shown(licet: Callable, write: Callable) -> None:
    answer = licet("inspect", write("key.pem", "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n"))
    assert answer.code == 2
    assert "MC4" not in answer.err + answer.out
