"""The gate's CA and certificates: what they are good for, and what is recognised as not usable."""

import ipaddress
import ssl
import time

import pytest
from cryptography import x509

from licet.controller.certificates import gate_names, is_kept_by_others
from licet.controller.pki import AUTHORITY_SECONDS, SERVING_SECONDS, Authority, CertificateError, ServingCertificate

NOW = int(time.time())
NAME = "licet-gate.licet-system.svc"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create(now=NOW)


@pytest.fixture(scope="module")
def serving(authority: Authority) -> ServingCertificate:
    return authority.issue([NAME, "127.0.0.1", "::1"], now=NOW)


def handshake(bundle: bytes, serving: ServingCertificate, name: str, tmp_path) -> None:
    """A TLS handshake in memory with the strictest client there is; raises where it does not trust the server."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (tmp_path / "chain").write_bytes(serving.dump()["tls.crt"] + serving.dump()["tls.key"])
    server.load_cert_chain(tmp_path / "chain")
    client = ssl.create_default_context(cadata=bundle.decode())
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    done: set[ssl.SSLObject] = set()
    while len(done) < 2:
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            done.add(end)


@pytest.mark.parametrize("name", [NAME, "127.0.0.1", "::1"])
def test_a_strict_client_with_the_bundle_trusts_the_certificate(authority, serving, name, tmp_path) -> None:
    handshake(authority.bundle, serving, name, tmp_path)


def test_a_client_trusts_neither_another_name_nor_another_ca(authority, serving, tmp_path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(authority.bundle, serving, "licet-gate.elsewhere.svc", tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        handshake(Authority.create(now=NOW).bundle, serving, NAME, tmp_path)


def test_a_bundle_of_two_cas_made_in_the_same_second_trusts_certificates_of_both(authority, serving, tmp_path) -> None:
    following = Authority.create(now=NOW, retiring=authority.certificate)

    for certificate in (serving, following.issue([NAME], now=NOW)):
        handshake(following.bundle, certificate, NAME, tmp_path)
        assert following.trusts(certificate)
    assert not following.issued(serving)
    assert not following.retired().trusts(serving)


def test_secrets_give_back_what_was_written(authority, serving) -> None:
    following = Authority.create(now=NOW, retiring=authority.certificate)

    assert Authority.load(following.dump()).dump() == following.dump()
    assert Authority.load(following.dump()).retiring == authority.certificate
    assert ServingCertificate.load(serving.dump()).dump() == serving.dump()
    assert serving.names == {NAME, "127.0.0.1", "::1"}


def test_certificates_are_renewed_with_a_third_of_their_time_left(authority, serving) -> None:
    assert authority.not_after == NOW + AUTHORITY_SECONDS
    assert authority.renew_at == pytest.approx(NOW + AUTHORITY_SECONDS * 2 / 3, abs=3600)
    assert serving.not_after == NOW + SERVING_SECONDS
    assert serving.renew_at == pytest.approx(NOW + SERVING_SECONDS * 2 / 3, abs=3600)
    assert authority.not_after - authority.renew_at > SERVING_SECONDS


def test_a_certificate_does_not_outlive_its_ca(authority) -> None:
    assert authority.issue([NAME], now=authority.not_after - 60).not_after == authority.not_after


def test_the_ca_may_sign_leaves_only(authority, serving) -> None:
    constraints = authority.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert not serving.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize("names", [[], ["gäte.example"]])
def test_a_certificate_needs_names_that_can_stand_in_it(authority, names) -> None:
    with pytest.raises(CertificateError, match="name"):
        authority.issue(names, now=NOW)


def damaged(content: dict[str, bytes], changes: dict[str, bytes | None]) -> dict[str, bytes]:
    return {key: value for key, value in (content | changes).items() if value is not None}


OTHER = Authority.create(now=NOW)
OTHER_SERVING = OTHER.issue([NAME], now=NOW)
GARBAGE = {
    "missing": None,
    "empty": b"",
    "text": b"text",
    "binary": b"\xff\x00",
    "broken PEM": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
}


@pytest.mark.parametrize("key", ["ca.crt", "ca.key"])
@pytest.mark.parametrize("kind", [*GARBAGE, "other"])
def test_a_ca_that_is_not_usable_is_recognised_and_not_quoted(authority, key, kind) -> None:
    with pytest.raises(CertificateError, match=r"^ca\.(crt|key) ") as caught:
        Authority.load(damaged(authority.dump(), {key: (GARBAGE | {"other": OTHER.dump()[key]})[kind]}))
    assert len(str(caught.value)) < 100


def test_a_certificate_that_is_no_ca_of_its_own_is_not_taken_for_one(serving) -> None:
    content = {"ca.crt": serving.dump()["tls.crt"], "ca.key": serving.dump()["tls.key"]}
    with pytest.raises(CertificateError, match="self-signed"):
        Authority.load(content)


@pytest.mark.parametrize("key", ["tls.crt", "tls.key", "ca.crt"])
@pytest.mark.parametrize("kind", [*GARBAGE, "other"])
def test_a_serving_certificate_that_is_not_usable_is_recognised(serving, key, kind) -> None:
    with pytest.raises(CertificateError):
        ServingCertificate.load(damaged(serving.dump(), {key: (GARBAGE | {"other": OTHER_SERVING.dump()[key]})[kind]}))


def configuration(*client_configs: dict, annotations: dict | None = None) -> dict:
    return {"metadata": {"annotations": annotations}, "webhooks": [{"clientConfig": each} for each in client_configs]}


SERVICE = {"service": {"name": "licet-gate", "namespace": "ops", "path": "/validate"}}


@pytest.mark.parametrize(
    ("client_configs", "names"),
    [
        ([SERVICE], {"licet-gate.ops", "licet-gate.ops.svc", "licet-gate.ops.svc.cluster.local"}),
        ([{"url": "https://127.0.0.1:8443/validate"}], {"127.0.0.1"}),
        ([{"url": "https://[0:0:0:0:0:0:0:1]:8443/validate"}], {"::1"}),
        ([{"url": "https://Gate.Example/validate"}] * 2, {"gate.example"}),
        ([], set()),
    ],
)
def test_the_certificate_is_for_the_names_that_the_webhooks_call(client_configs, names) -> None:
    assert gate_names(configuration(*client_configs)) == names


def test_names_survive_being_read_back_from_a_certificate(authority) -> None:
    """Else each look at the Secret would find a certificate for other names, and make a new one."""
    asked = gate_names(configuration(SERVICE, {"url": "https://[::ffff:127.0.0.1]:1/"}, {"url": "https://10.0.0.1/"}))
    assert authority.issue(asked, now=NOW).names == asked
    assert any(ipaddress.ip_address(name) for name in asked if ":" in name)


@pytest.mark.parametrize(
    ("annotations", "kept"),
    [
        (None, False),
        ({"licet.dev/certificate": "self-signed"}, False),
        ({"licet.dev/certificate": "existing"}, True),
        ({"cert-manager.io/inject-ca-from": "licet-system/gate"}, True),
        ({"cert-manager.io/inject-ca-from-secret": "licet-system/gate"}, True),
    ],
)
def test_a_bundle_that_others_keep_is_recognised(annotations, kept) -> None:
    assert is_kept_by_others(configuration(SERVICE, annotations=annotations)) is kept
