"""The gate's own certificate authority and the certificates it issues: made, written and read here, without I/O.

Keys are ECDSA P-256, the certificates follow RFC 5280 closely enough for the strictest verifiers (OpenSSL's
X509_V_FLAG_X509_STRICT, which Python sets since 3.13, and Go's). Instants are epoch seconds.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from licet.core.errors import LicetError

AUTHORITY_SECONDS: Final = 365 * 86_400
SERVING_SECONDS: Final = 30 * 86_400
CLOCK_SKEW_SECONDS: Final = 3600  # certificates begin that much in the past, for API servers whose clocks are behind

# The keys of the Secrets; those of the second are what the type kubernetes.io/tls asks for.
CA_CERTIFICATE: Final = "ca.crt"
CA_KEY: Final = "ca.key"
TLS_CERTIFICATE: Final = "tls.crt"
TLS_KEY: Final = "tls.key"


class CertificateError(LicetError):
    """Certificates and keys that are missing, damaged, or do not belong together."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A self-signed CA that issues, and the one before it as long as certificates of that one may still be served."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    retiring: x509.Certificate | None = None

    @classmethod
    def create(cls, *, now: int, retiring: x509.Certificate | None = None) -> Self:
        """Make a CA that may sign leaves only, valid for `AUTHORITY_SECONDS` from `now`."""
        key = ec.generate_private_key(ec.SECP256R1())
        # With a name of its own, no verifier can take one CA of a bundle for the other.
        name = _name(f"licet gate CA {datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%SZ}")
        certificate = (
            _builder(name, name, key.public_key(), now=now, end=now + AUTHORITY_SECONDS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(sign_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key, retiring)

    @classmethod
    def load(cls, data: Mapping[str, bytes]) -> Self:
        """Read what `dump` wrote; raises `CertificateError`."""
        certificate, *others = _certificates(data, CA_CERTIFICATE)
        key = _private_key(data, CA_KEY, certificate)
        if not _issued(certificate, certificate):
            raise CertificateError(f"{CA_CERTIFICATE} does not begin with a self-signed certificate")
        return cls(certificate, key, others[0] if others else None)

    def dump(self) -> dict[str, bytes]:
        """Give the content of the CA's Secret."""
        return {CA_CERTIFICATE: self.bundle, CA_KEY: _private_pem(self.key)}

    @property
    def bundle(self) -> bytes:
        """The PEM certificates that clients of the gate are to trust, the issuing one first."""
        return b"".join(map(_pem, self._trusted))

    @property
    def not_after(self) -> int:
        """The last instant of the issuing CA."""
        return _epoch(self.certificate.not_valid_after_utc)

    @property
    def renew_at(self) -> int:
        """When the next CA is due: with a third of the time left, far longer than a serving certificate lives."""
        return _renew_at(self.certificate)

    def is_valid(self, now: int) -> bool:
        """Tell whether the issuing CA is within its time."""
        return _is_valid(self.certificate, now)

    def trusts(self, serving: "ServingCertificate") -> bool:
        """Tell whether clients with the bundle trust a certificate, its dates aside."""
        return any(_issued(certificate, serving.certificate) for certificate in self._trusted)

    def issued(self, serving: "ServingCertificate") -> bool:
        """Tell whether a certificate is of the issuing CA, and not of the retiring one."""
        return _issued(self.certificate, serving.certificate)

    def retired(self) -> Self:
        """Give the same CA without the one before it."""
        return replace(self, retiring=None)

    def issue(self, names: Iterable[str], *, now: int) -> "ServingCertificate":
        """Make a key and a certificate for a server with these DNS names and IP addresses.

        It is valid for `SERVING_SECONDS` from `now`, but not longer than the CA itself.

        Raises:
            CertificateError: there are no names, or one of them cannot stand in a certificate.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        end = min(now + SERVING_SECONDS, self.not_after)
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        certificate = (
            _builder(_name("licet gate"), self.certificate.subject, key.public_key(), now=now, end=end)
            .add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(sign_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(issuer_key, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return ServingCertificate(certificate, key, self.certificate)

    @property
    def _trusted(self) -> tuple[x509.Certificate, ...]:
        return (self.certificate,) if self.retiring is None else (self.certificate, self.retiring)


@dataclass(frozen=True, slots=True)
class ServingCertificate:
    """The certificate that the gate serves with, its key, and the CA that issued it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    issuer: x509.Certificate

    @classmethod
    def load(cls, data: Mapping[str, bytes]) -> Self:
        """Read what `dump` wrote; raises `CertificateError`."""
        certificate = _certificates(data, TLS_CERTIFICATE)[0]
        key = _private_key(data, TLS_KEY, certificate)
        issuer = _certificates(data, CA_CERTIFICATE)[0]
        if not _issued(issuer, certificate):
            raise CertificateError(f"{TLS_CERTIFICATE} was not issued by the CA in {CA_CERTIFICATE}")
        return cls(certificate, key, issuer)

    def dump(self) -> dict[str, bytes]:
        """Give the content of the gate's Secret."""
        return {
            TLS_CERTIFICATE: _pem(self.certificate),
            TLS_KEY: _private_pem(self.key),
            CA_CERTIFICATE: _pem(self.issuer),
        }

    @property
    def names(self) -> frozenset[str]:
        """The DNS names and IP addresses that it is for."""
        try:
            extension = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except (x509.ExtensionNotFound, ValueError):
            return frozenset()
        return frozenset(str(each.value) for each in extension.value if isinstance(each, x509.DNSName | x509.IPAddress))

    @property
    def issued_at(self) -> int:
        """When it was made."""
        return _epoch(self.certificate.not_valid_before_utc) + CLOCK_SKEW_SECONDS

    @property
    def not_after(self) -> int:
        """Its last instant."""
        return _epoch(self.certificate.not_valid_after_utc)

    @property
    def renew_at(self) -> int:
        """When the next one is due: with a third of the time left."""
        return _renew_at(self.certificate)

    def is_valid(self, now: int) -> bool:
        """Tell whether it is within its time."""
        return _is_valid(self.certificate, now)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, now: int, end: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(now - CLOCK_SKEW_SECONDS, UTC))
        .not_valid_after(datetime.fromtimestamp(end, UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternatives(names: Iterable[str]) -> list[x509.GeneralName]:
    alternatives = [_alternative(name) for name in sorted(names)]
    if not alternatives:
        raise CertificateError("a certificate needs at least one name to be for")
    return alternatives


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError:
        raise CertificateError(f"{name!r} is neither an IP address nor a DNS name in ASCII") from None


def _certificates(data: Mapping[str, bytes], name: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(data[name])
    except (KeyError, ValueError):
        raise CertificateError(f"{name} holds no PEM certificate") from None


def _private_key(data: Mapping[str, bytes], name: str, certificate: x509.Certificate) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(data[name], password=None)
    except (KeyError, ValueError, TypeError, UnsupportedAlgorithm):
        raise CertificateError(f"{name} holds no PEM private key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise CertificateError(f"{name} is not the key of the certificate beside it")
    return key


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _is_valid(certificate: x509.Certificate, now: int) -> bool:
    return _epoch(certificate.not_valid_before_utc) <= now <= _epoch(certificate.not_valid_after_utc)


def _renew_at(certificate: x509.Certificate) -> int:
    begin, end = _epoch(certificate.not_valid_before_utc), _epoch(certificate.not_valid_after_utc)
    return end - (end - begin) // 3


def _epoch(instant: datetime) -> int:
    return int(instant.timestamp())
