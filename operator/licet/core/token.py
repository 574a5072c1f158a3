"""Reading and verifying license tokens: a compact JWS (RFC 7515) of JWT claims (RFC 7519).

The rules, in the order in which they are applied; none looks at the clock:

1. Over 64 KiB, or not three parts of canonical base64url without padding: `Malformed`.
2. A header that is not `typ: license+jwt` with a `kid`, or one that fetches, carries or changes meaning: `Malformed`.
3. JSON that two readers may understand differently (doubled members, NaN) or nested too deeply: `Malformed`.
4. The issuer is that of exactly one Vendor: else `UnknownVendor` or `IssuerConflict`.
5. The key ID is one of that Vendor's: else `UnknownKey`.
6. The signature is right under the algorithm that this key pins, whatever the header asks for: else `SignatureInvalid`.
7. The claims are well-formed (`claims.py`): else `Malformed`.
8. The token is meant for licet and for this cluster: else `AudienceMismatch`, `ClusterMismatch`.

Nothing but the issuer is read from a payload whose signature has not been verified.
"""

import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import isinf
from typing import Final, NoReturn, Protocol

from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm

from licet.core import bounds
from licet.core.claims import AUDIENCE, Claims, read_claims
from licet.core.errors import VerificationError
from licet.core.jwks import KeySet, PinnedKey
from licet.core.reasons import Reason

TOKEN_TYPE: Final = "license+jwt"  # noqa: S105 - a media type, not a credential
REFUSED_HEADERS: Final = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "cty"})

_INTEGER_LENGTH: Final = 310  # digits; readers that take every number for a float have no larger ones either
_HEADER_CACHE_SIZE: Final = 64

# base64url (RFC 4648 section 5) into what binascii reads; what only the plain alphabet has becomes what neither has.
_FROM_BASE64URL: Final = bytes.maketrans(b"-_+/=", b"+/\0\0\0")

_VERIFIERS: Final[Mapping[str, Algorithm]] = {
    "EdDSA": OKPAlgorithm(),
    "Ed25519": OKPAlgorithm(),  # the name that RFC 9864 gives to the same
    "ES256": ECAlgorithm(ECAlgorithm.SHA256),
}


class Issuer(Protocol):
    """Who may have signed: the name of a Vendor, and its keys."""

    @property
    def name(self) -> str:
        """Name of the Vendor."""

    @property
    def keys(self) -> KeySet | None:
        """The Vendor's keys, or None when they can't be read."""


class Issuers(Protocol):
    """Where the Vendor of an issuer is looked up."""

    def for_issuer(self, issuer: str) -> Issuer:
        """Give the Vendor of the issuer; raises `VerificationError` when there is not exactly one."""


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A token as read, with nothing about it proven."""

    header: Mapping[str, object]
    payload: Mapping[str, object]
    payload_bytes: bytes = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A token whose signature, form, audience and cluster are right; whether it counts now is another question."""

    vendor: str
    key_id: str
    claims: Claims
    text: str = field(repr=False)

    @property
    def payload(self) -> str:
        """The claims as they were signed, in base64url: what two signatures of one license have in common."""
        return self.text.split(".")[1]

    @property
    def rank(self) -> tuple[int, int, str]:
        """Order within a series: the sequence; of equal ones the later `iat`; then the greater `jti`."""
        return self.claims.license.sequence, self.claims.iat, self.claims.jti

    @property
    def stands_alone(self) -> bool:
        """Tell whether the token is of no series that the vendor named."""
        return self.claims.license.series is None

    @property
    def series(self) -> tuple[str, str, str]:
        """Issuer, subject and series; where none is named, its `jti` in a form that no name of a series has."""
        claims = self.claims
        return claims.iss, claims.sub, f"\0{claims.jti}" if self.stands_alone else str(claims.license.series)


def read_token(text: str) -> UnverifiedToken:
    """Take a compact JWS apart, without verifying it: for showing it, and as the first step of `verify_token`.

    Raises:
        VerificationError: `Malformed`, by the rules 1 to 3 above.
    """
    if len(text) > bounds.TOKEN_BYTES:
        _malformed(f"it is longer than {bounds.TOKEN_BYTES} characters")
    parts = text.split(".")
    if len(parts) != 3:
        _malformed(f"a license token has three parts between dots, this has {len(parts)}")
    header = _read_header(parts[0])
    payload_bytes, signature = _decode(parts[1], "payload"), _decode(parts[2], "signature")
    return UnverifiedToken(
        header=dict(header),
        payload=_read_json(payload_bytes, "payload"),
        payload_bytes=payload_bytes,
        signing_input=text.rpartition(".")[0].encode("ascii"),
        signature=signature,
    )


def verify_token(text: str, issuers: Issuers, *, cluster: str | None) -> VerifiedToken:
    """Verify a token against the keys of the Vendor that its issuer names.

    Args:
        text: the token.
        issuers: looks up the Vendor of an issuer.
        cluster: UID of the namespace `kube-system` of this cluster; None outside of one, where bindings to clusters
            can't be judged and are left out of account.

    Raises:
        VerificationError: with the reason of the first rule above that is broken.
    """
    token = read_token(text)
    issuer = token.payload.get("iss")
    if not isinstance(issuer, str):
        _malformed("it names no issuer (claim `iss`)")
    vendor = issuers.for_issuer(issuer)
    kid = str(token.header["kid"])
    if vendor.keys is None:
        raise VerificationError(
            Reason.UNKNOWN_KEY, f"the keys of Vendor {vendor.name} can't be read; see its conditions"
        )
    key = vendor.keys.keys.get(kid)
    if key is None:
        raise VerificationError(
            Reason.UNKNOWN_KEY,
            f"it is signed with key {kid!r}, which Vendor {vendor.name} does not list; "
            "if the vendor has a new key, update spec.jwks of the Vendor",
        )
    _check_signature(token, key)
    try:
        claims = read_claims(token.payload_bytes)
    except ValueError as error:
        _malformed(str(error))
    if AUDIENCE not in claims.audiences:
        meant_for = repr(", ".join(claims.audiences)[:200]) if claims.audiences else "nobody"
        raise VerificationError(Reason.AUDIENCE_MISMATCH, f"it is meant for {meant_for}, not for {AUDIENCE!r}")
    if cluster is not None and not claims.license.bindings.allows_cluster(cluster):
        raise VerificationError(
            Reason.CLUSTER_MISMATCH,
            f"it is bound to other clusters than this one, whose UID is {cluster}; ask the vendor for a license for it",
        )
    return VerifiedToken(vendor=vendor.name, key_id=kid, claims=claims, text=text)


def refuse_ambiguous_json(raw: bytes) -> object:
    """Read JSON that every reader understands alike.

    Raises:
        ValueError: not JSON in UTF-8, doubled members, half of a surrogate pair, NaN or a number that is too large, or
            nested deeper than tokens are.
    """
    text = raw.decode("utf-8")
    document: object = _DECODER.decode(text)
    if text.count("{") + text.count("[") > bounds.TOKEN_JSON_DEPTH:  # as long as there are fewer, none is too deep
        _check_depth(document, bounds.TOKEN_JSON_DEPTH)
    if "\\u" in text:
        _check_surrogates(document)
    return document


# All tokens that are signed with one key have the same header, as a rule.
@lru_cache(_HEADER_CACHE_SIZE)
def _read_header(part: str) -> Mapping[str, object]:
    header = _read_json(_decode(part, "header"), "header")
    _check_header(header)
    return header


def _decode(part: str, name: str) -> bytes:
    try:
        plain = part.encode("ascii").translate(_FROM_BASE64URL) + b"=" * (-len(part) % 4)
        raw = binascii.a2b_base64(plain)
        canonical = binascii.b2a_base64(raw, newline=False) == plain
    except ValueError:
        canonical = False
    if not canonical:
        _malformed(f"its {name} is not canonical base64url without padding")
    return raw


def _read_json(raw: bytes, name: str) -> Mapping[str, object]:
    try:
        document = refuse_ambiguous_json(raw)
    except UnicodeDecodeError:
        _malformed(f"its {name} is not UTF-8")
    except json.JSONDecodeError as error:
        _malformed(f"its {name} is not JSON ({error.msg})")
    except RecursionError:
        _malformed(f"its {name} is nested too deeply")
    except ValueError as error:
        _malformed(f"its {name} is not acceptable JSON: {error}")
    if not isinstance(document, dict):
        _malformed(f"its {name} is not a JSON object")
    return document


def _check_header(header: Mapping[str, object]) -> None:
    refused = sorted(REFUSED_HEADERS & header.keys())
    if refused:
        _malformed(f"its header has {', '.join(refused)}, which license tokens must not have")
    if header.get("typ") != TOKEN_TYPE:
        _malformed(f"its header does not have typ {TOKEN_TYPE!r}")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= bounds.TEXT_LENGTH:
        _malformed("its header names no key (`kid`)")


def _check_signature(token: UnverifiedToken, key: PinnedKey) -> None:
    algorithm = token.header.get("alg")
    if algorithm not in key.algorithms:
        raise VerificationError(
            Reason.SIGNATURE_INVALID,
            f"its header asks for algorithm {str(algorithm)[:20]!r}; key {key.kid!r} verifies {key.algorithms[0]} only",
        )
    if not _VERIFIERS[key.algorithms[0]].verify(token.signing_input, key.public_key, token.signature):
        raise VerificationError(
            Reason.SIGNATURE_INVALID,
            f"its signature is not that of key {key.kid!r}; the token was altered, or signed with another key",
        )


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")


def _read_float(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError("a number is too large")
    return number


def _read_integer(text: str) -> int:
    if len(text) > _INTEGER_LENGTH:
        raise ValueError("a number is too large")
    return int(text)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_members, parse_constant=_refuse_constant, parse_float=_read_float, parse_int=_read_integer
)


def _check_surrogates(document: object) -> None:
    try:
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a string has half of a surrogate pair") from None


def _check_depth(document: object, remaining: int) -> None:
    if remaining == 0:
        raise ValueError(f"nested deeper than {bounds.TOKEN_JSON_DEPTH}")
    if isinstance(document, dict):
        document = list(document.values())
    if isinstance(document, list):
        for member in document:
            if isinstance(member, dict | list):
                _check_depth(member, remaining - 1)


def _malformed(problem: str) -> NoReturn:
    # Without its cause: libraries quote in their errors what they could not read.
    raise VerificationError(Reason.MALFORMED, f"the token can't be read: {problem}") from None
