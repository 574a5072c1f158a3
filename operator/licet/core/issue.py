"""The vendor's side: making keys, and signing license tokens from a specification.

A specification has the claims of the token, as a person would write them: instants also as RFC 3339 time or date, `exp`
also as a duration from the start; `aud`, `iat` and `jti` may be left out. A member that is not known is an error here,
though a reader ignores it: it is most likely a mistyped one.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import date
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt import PyJWS

from licet.core import bounds
from licet.core.claims import AUDIENCE, read_claims
from licet.core.errors import SpecError, VerificationError
from licet.core.jwks import key_to_jwk
from licet.core.timestamps import parse_duration, parse_instant
from licet.core.token import TOKEN_TYPE, read_token

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey

ALGORITHMS: Final = ("EdDSA", "ES256")

_INSTANTS: Final = ("iat", "nbf", "exp")


def generate_key(algorithm: str = "EdDSA") -> PrivateKey:
    """Make a new signing key for one of `ALGORITHMS`: Ed25519, or P-256; raises `SpecError` for another."""
    match algorithm:
        case "EdDSA":
            return Ed25519PrivateKey.generate()
        case "ES256":
            return generate_private_key(SECP256R1())
    raise SpecError(f"{algorithm!r} is not an algorithm for licenses; expected one of {', '.join(ALGORITHMS)}")


def key_to_pem(key: PrivateKey) -> bytes:
    """Write a private key as unencrypted PKCS#8 in PEM (RFC 5958, RFC 7468)."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def key_from_pem(pem: bytes) -> PrivateKey:
    """Read an unencrypted private key in PEM.

    Raises:
        SpecError: not such a key, or of another kind than Ed25519 and P-256.
    """
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise SpecError("the private key is encrypted; decrypt it first, for example with openssl pkcs8") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SpecError("the file holds no private key in PEM; licet keygen makes one") from error
    if isinstance(key, Ed25519PrivateKey) or (
        isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1)
    ):
        return key
    raise SpecError("the private key is neither Ed25519 nor P-256; licet keygen makes one that can sign licenses")


def thumbprint(key: PrivateKey) -> str:
    """Give the key ID that a key has by itself: its JWK thumbprint (RFC 7638, SHA-256, base64url)."""
    jwk = key_to_jwk("", key.public_key())
    required = {member: jwk[member] for member in ("crv", "kty", "x", "y") if member in jwk}
    digest = hashlib.sha256(json.dumps(required, sort_keys=True, separators=(",", ":")).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def issue_token(spec: object, key: PrivateKey, *, kid: str, now: int, token_id: str) -> str:
    """Sign a license.

    Args:
        spec: the specification, as parsed from YAML or JSON.
        key: the vendor's private key.
        kid: ID of the key in the Vendor's JWKS.
        now: epoch seconds; `iat` where the specification has none.
        token_id: `jti` where the specification has none.

    Raises:
        SpecError: the specification is not that of a license; the message names the member.
    """
    claims = _complete(spec, now=now, token_id=token_id)
    payload = _write_json(claims)
    try:
        checked = read_claims(payload, ignore_unknown=False)
    except ValueError as error:
        raise SpecError(f"the specification is not that of a license: {error}") from error
    if AUDIENCE not in checked.audiences:
        raise SpecError(f"aud does not contain {AUDIENCE!r}; no cluster would accept the license")
    if checked.exp <= max(checked.nbf, checked.iat):
        raise SpecError("exp is not later than nbf and iat; the license would never be valid")
    algorithm = "EdDSA" if isinstance(key, Ed25519PrivateKey) else "ES256"
    token = PyJWS().encode(payload, key, algorithm=algorithm, headers={"typ": TOKEN_TYPE, "kid": kid})
    if len(token) > bounds.TOKEN_BYTES:
        raise SpecError(f"the token would be of {len(token)} bytes; {bounds.TOKEN_BYTES} are allowed. Split the grants")
    try:
        read_token(token)
    except VerificationError as error:
        raise SpecError(f"no cluster would accept the license: {error}") from error
    return token


def _complete(spec: object, *, now: int, token_id: str) -> dict[str, object]:
    if not isinstance(spec, Mapping):
        raise SpecError("the specification is not a mapping with the claims of a license")
    claims: dict[str, object] = {"aud": AUDIENCE, "iat": now, "jti": token_id, **spec}
    start = now
    for claim in _INSTANTS:
        if claim in claims:
            claims[claim] = instant = _read_instant(claim, claims[claim], start)
            start = instant if isinstance(instant, int) else start
    return claims


def _read_instant(claim: str, value: object, start: int) -> object:
    """Read an instant as people write it; what is no text is left to the reading of the claims."""
    text = value.isoformat() if isinstance(value, date) else value  # YAML reads dates and times by itself
    if not isinstance(text, str):
        return value
    try:
        return start + parse_duration(text) if text.startswith("P") else parse_instant(text)
    except ValueError as error:
        raise SpecError(f"{claim}: {error}") from error


def _write_json(claims: Mapping[str, object]) -> bytes:
    try:
        return json.dumps(
            claims, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_write_date
        ).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise SpecError(f"the specification can't be written as JSON: {error}") from error


def _write_date(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not a type of JSON")
