"""The one exception tree of licet: what comes from outside and is wrong raises a `LicetError`, not a `ValueError`.

Messages are written for the person who has to act on them, and never contain a token or the content of a Secret.
"""

from typing import Final

import msgspec

from licet.core.reasons import Reason

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises of bytes that are not the JSON that they should be."""


class LicetError(Exception):
    """Root of everything that licet raises on purpose; `str()` of it is fit to be shown to a user."""


class VerificationError(LicetError):
    """A license token does not give the rights that it claims; `reason` is that of its License's `Valid` condition."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class KeySetError(LicetError):
    """A JSON Web Key Set holds something else than unambiguous public Ed25519 and P-256 signing keys (RFC 7517)."""


class GlobError(LicetError):
    """A glob pattern is too broad, too long, or has characters that names never have."""


class RangeError(LicetError):
    """A version or version range is not in the syntax of Masterminds/semver v3, the one that Helm reads."""


class ReleaseError(LicetError):
    """A Helm release payload cannot be read without doubt about what Helm itself would read in it."""


class GitOpsError(LicetError):
    """An object of Flux or Argo CD is not what its definition describes, or asks for more than is looked into."""


class ChartError(LicetError):
    """A chart's package or directory is not one that Helm could install, or is over a cap."""


class SpecError(LicetError):
    """The specification of a license to issue, or of a key to make, is not usable."""


class MemoryFormatError(LicetError):
    """The remembered marks and sequences cannot be read."""
