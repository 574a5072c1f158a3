"""The vendor's public keys, as a JSON Web Key Set (RFC 7517; Ed25519 by RFC 8037, P-256 by RFC 7518 section 6.2).

Each key pins the one algorithm that it verifies, so that a token's header cannot choose.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from licet.core import bounds
from licet.core.errors import KeySetError

PublicKey = Ed25519PublicKey | EllipticCurvePublicKey

_COORDINATE_BYTES: Final = 32
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_ALGORITHMS: Final = {("OKP", "Ed25519"): ("EdDSA", "Ed25519"), ("EC", "P-256"): ("ES256",)}


@dataclass(frozen=True, slots=True)
class PinnedKey:
    """A public key, and the names of the one algorithm that may be used with it."""

    kid: str
    algorithms: tuple[str, ...]
    public_key: PublicKey = field(repr=False, compare=False)
    material: bytes  # the coordinates: what tells two keys of one ID apart


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of a vendor by their ID."""

    keys: Mapping[str, PinnedKey]

    @classmethod
    def parse(cls, document: object) -> "KeySet":
        """Read a JWKS, already parsed from JSON: an object with a list `keys`.

        Raises:
            KeySetError: a key is private, symmetric, of another kind, contradicts itself, or two share an ID.
        """
        entries = document.get("keys") if isinstance(document, Mapping) else None
        if not isinstance(entries, list) or not entries:
            raise KeySetError("a JWKS is an object with a list `keys` of at least one key")
        if len(entries) > bounds.KEYS_PER_VENDOR:
            raise KeySetError(f"the JWKS has {len(entries)} keys; {bounds.KEYS_PER_VENDOR} are allowed")
        keys: dict[str, PinnedKey] = {}
        for position, entry in enumerate(entries):
            if not isinstance(entry, Mapping):
                raise KeySetError(f"keys[{position}] is not an object")
            key = _parse_key(entry, f"keys[{position}]")
            if key.kid in keys:
                raise KeySetError(f"two keys have the ID {key.kid!r}; a key ID has to be unique")
            keys[key.kid] = key
        return cls(keys)


def key_to_jwk(kid: str, key: PublicKey) -> dict[str, str]:
    """Write a public key as a JWK that `KeySet.parse` reads, with its use and algorithm."""
    declared = {"kid": kid, "use": "sig"}
    if isinstance(key, Ed25519PublicKey):
        return {**declared, "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": _encode(key.public_bytes_raw())}
    numbers = key.public_numbers()
    x, y = (_encode(number.to_bytes(_COORDINATE_BYTES, "big")) for number in (numbers.x, numbers.y))
    return {**declared, "kty": "EC", "crv": "P-256", "alg": "ES256", "x": x, "y": y}


def _parse_key(entry: Mapping[str, object], where: str) -> PinnedKey:
    private = sorted(_PRIVATE_MEMBERS & entry.keys())
    if private:
        raise KeySetError(
            f"{where} holds secret key material ({', '.join(private)}); "
            "publish only the public key, and replace this one"
        )
    kid = _text(entry, "kid", where)
    if not 0 < len(kid) <= bounds.TEXT_LENGTH:
        raise KeySetError(f"{where}.kid has to be of 1 to {bounds.TEXT_LENGTH} characters")
    where = f"key {kid!r}"
    kty = _text(entry, "kty", where)
    crv = _text(entry, "crv", where) if "crv" in entry else "(no curve)"
    algorithms = _ALGORITHMS.get((kty, crv))
    if algorithms is None:
        raise KeySetError(f"{where} is of kind {kty[:20]}/{crv[:20]}; expected OKP/Ed25519 or EC/P-256")
    _check_declared_use(entry, algorithms, where)
    x = _coordinate(entry, "x", where)
    try:
        if kty == "OKP":
            return PinnedKey(kid, algorithms, Ed25519PublicKey.from_public_bytes(x), x)
        y = _coordinate(entry, "y", where)
        point = EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), SECP256R1())
        return PinnedKey(kid, algorithms, point.public_key(), x + y)
    except ValueError as error:
        raise KeySetError(f"{where} is not a point on the curve {crv}") from error


def _check_declared_use(entry: Mapping[str, object], algorithms: tuple[str, ...], where: str) -> None:
    if entry.get("use", "sig") != "sig":
        raise KeySetError(f"{where} declares a use other than `sig`; it can't verify licenses")
    if entry.get("alg", algorithms[0]) not in algorithms:
        raise KeySetError(f"{where} declares an algorithm that its kind of key does not have; expected {algorithms[0]}")
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise KeySetError(f"{where} declares key_ops without `verify`; it can't verify licenses")


def _coordinate(entry: Mapping[str, object], member: str, where: str) -> bytes:
    text = _text(entry, member, where)
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _COORDINATE_BYTES or _encode(raw) != text:
        raise KeySetError(f"{where}.{member} is not {_COORDINATE_BYTES} bytes in base64url without padding")
    return raw


def _text(entry: Mapping[str, object], member: str, where: str) -> str:
    value = entry.get(member)
    if not isinstance(value, str):
        raise KeySetError(f"{where} has no {member}")
    return value


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
