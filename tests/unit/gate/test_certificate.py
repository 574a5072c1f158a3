import ssl
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from controlplane.certs import Authority
from licet.gate.certificate import CertificateError, KeyPair, ServingCertificate

AUTHORITY = Authority.create("tests")


def pair(name: str) -> KeyPair:
    made = AUTHORITY.serving(name, names=["gate.test"], addresses=["127.0.0.1"])
    return KeyPair(made.certificate, made.private_key)


def handshake(context: ssl.SSLContext, *, server_name: str | None = "gate.test", version=None) -> ssl.SSLObject:
    """Shake hands in memory; gives the client's side."""
    client_context = ssl.create_default_context(cadata=AUTHORITY.certificate.decode())
    client_context.check_hostname = server_name is not None
    if version is not None:
        client_context.minimum_version = client_context.maximum_version = version
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=server_name)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (client, server):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return client


def name_seen(certificate: ServingCertificate, **how) -> str:
    subject = handshake(certificate.context, **how).getpeercert()["subject"]
    return subject[0][0][1]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("server_name", ["gate.test", None])  # Go sends no name to an IP address
def test_new_handshakes_see_the_new_certificate(version, server_name):
    certificate = ServingCertificate()
    for name in ("first", "second"):
        certificate.use(pair(name))
        assert name_seen(certificate, version=version, server_name=server_name) == name


def test_handshake_before_the_first_certificate_fails():
    with pytest.raises(ssl.SSLError):
        handshake(ServingCertificate().context)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_older_than_1_2_is_refused():
    certificate = ServingCertificate()
    certificate.use(pair("first"))
    with pytest.raises(ssl.SSLError):
        handshake(certificate.context, version=ssl.TLSVersion.TLSv1_1)


def encrypted(key: bytes) -> bytes:
    loaded = load_pem_private_key(key, None)
    return loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))


@pytest.mark.parametrize(
    "broken",
    [
        lambda good: KeyPair(b"", good.key),
        lambda good: KeyPair(good.chain, b""),
        lambda good: KeyPair(b"no PEM", good.key),
        lambda good: KeyPair(good.chain, b"no PEM"),
        lambda good: KeyPair(good.chain, pair("another").key),
        lambda good: KeyPair(good.key, good.chain),
        lambda good: KeyPair(good.chain, encrypted(good.key)),
    ],
)
def test_certificate_that_cannot_be_used_leaves_the_one_before(broken):
    certificate = ServingCertificate()
    certificate.use(pair("first"))
    with pytest.raises(CertificateError, match="can't be used"):
        certificate.use(broken(pair("second")))
    assert name_seen(certificate) == "first"


def test_private_key_leaves_no_file_and_no_open_descriptor(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = len(list(Path("/dev/fd").iterdir()))
    ServingCertificate().use(pair("first"))
    assert len(list(Path("/dev/fd").iterdir())) == before
    assert not list(tmp_path.iterdir())


def test_key_is_not_shown():
    assert "PRIVATE" not in repr(pair("first"))
