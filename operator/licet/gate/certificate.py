"""The serving certificate of the gate, replaced in place: connections that are open, or being opened, never notice.

The listening socket has a TLS context without a certificate of its own. Each handshake is handed over to the context of
the certificate that is current then. (Loading another certificate into a context that is in use would leave the old one
beside it where the kinds of their keys differ, and no usable one at all where the new one is broken.)
"""

import os
import ssl
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Final

from cryptography import x509

from licet.core.errors import LicetError

_PROTOCOLS: Final = ["http/1.1"]


class CertificateError(LicetError):
    """A certificate and private key with which nothing can be served."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate, with the chain that leads to its CA, and its private key; both PEM."""

    chain: bytes
    key: bytes = field(repr=False)


class ServingCertificate:
    """The certificate that new handshakes see; `context` is what to listen with."""

    def __init__(self) -> None:
        self.context = _server_context()
        self.context.sni_callback = self._hand_over
        self._current = self.context

    def use(self, pair: KeyPair) -> datetime:
        """Serve with another certificate from now on; gives when it expires.

        Raises:
            CertificateError: it can't be used; the one before stays.
        """
        context = _server_context()
        try:
            with _as_file(pair.chain) as chain, _as_file(pair.key) as key:
                # A password is given so that OpenSSL does not ask the terminal for that of an encrypted key.
                context.load_cert_chain(chain, key, password=b"")
            not_after = x509.load_pem_x509_certificate(pair.chain).not_valid_after_utc
        except (ssl.SSLError, ValueError, OSError) as error:
            raise CertificateError(f"the certificate and its key can't be used: {error}") from error
        self._current = context
        return not_after

    def _hand_over(self, connection: ssl.SSLObject, _server_name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._current


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(_PROTOCOLS)
    return context


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """Give the path of a file, as OpenSSL loads from nothing else; it has no name by which others could open it."""
    with _unnamed_file() as file:
        file.write(content)
        file.flush()
        file.seek(0)
        yield f"/dev/fd/{file.fileno()}"


def _unnamed_file() -> BinaryIO:
    if sys.platform == "linux":  # in memory, so that no file system has to be writable
        return os.fdopen(os.memfd_create("licet"), "w+b")
    return tempfile.TemporaryFile()
