"""A vendor, as tests need one: it has an issuer and keys, and signs tokens by itself, with no code of licet's.

`VendorSimulator.token` gives good tokens; the methods with other names each give one that is wrong in the way of the
name, but as good as possible otherwise: whoever accepts it has dropped the rule that refuses it. Keys and tokens are
the same in each run (but for ECDSA's signatures), and the clock is the number that was passed in.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from functools import cache
from typing import Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from licet.core.globs import Glob
from licet.core.jwks import KeySet
from licet.core.vendors import Product, Vendor

Json = dict[str, Any]
PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
Algorithm = Literal["EdDSA", "ES256"]
KeyForm = Literal["PEM", "DER", "JWK"]

NOW: Final = 1_767_225_600  # 2026-01-01T00:00:00Z
MINUTE: Final = 60
DAY: Final = 86_400
YEAR: Final = 365 * DAY
CLUSTER: Final = "0d5a7a5e-3c1f-4f0e-9b6e-0c6f2f1f7a11"  # UID of the namespace kube-system
ABSENT: Final = object()  # in place of a claim's or header's value: leave it out

_REGISTERED: Final = frozenset({"iss", "sub", "aud", "jti", "iat", "nbf", "exp", "license"})
_OF_LICENSE: Final = frozenset(
    {
        "series",
        "sequence",
        "customer",
        "trial",
        "gracePeriod",
        "onExpiry",
        "bindings",
        "critical",
        "grants",
        "breakGlass",
    }
)
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class VendorSimulator:
    """One vendor; `now` is epoch seconds, and is set anew as time goes on."""

    def __init__(
        self,
        now: int = NOW,
        *,
        name: str = "acme",
        issuer: str | None = None,
        product: str = "acme-platform",
        algorithm: Algorithm = "EdDSA",
    ) -> None:
        self.now = now
        self.name = name
        self.issuer = issuer or f"https://licenses.{name}.example"
        self.product = product
        self.kid = f"{name}-2026"
        self._keys: dict[str, PrivateKey] = {self.kid: _make_key(self.kid, algorithm)}
        self._issued = 0

    # -- what the customer is given ------------------------------------------------------------------------------------

    def jwks(self) -> Json:
        """The public keys."""
        return {"keys": [_jwk(kid, key) for kid, key in self._keys.items()]}

    def vendor(self, **changes: Any) -> Vendor:
        """The Vendor as the core takes it; claims the charts and images whose names begin with that of the product."""
        charts, images = (Glob.parse(self.product), Glob.parse(f"{self.product}-*")), (Glob.parse(self._images),)
        vendor: Json = {
            "name": self.name,
            "issuer": self.issuer,
            "keys": KeySet.parse(self.jwks()),
            "products": (Product(self.product, charts, images),),
            "created": "2026-01-01T00:00:00Z",
        }
        return Vendor(**{**vendor, **changes})

    def vendor_manifest(self, **spec: Any) -> Json:
        """The same Vendor to be applied; `spec` replaces members of its spec."""
        product = {"name": self.product, "charts": [self.product, f"{self.product}-*"], "images": [self._images]}
        spec = {"issuer": self.issuer, "jwks": self.jwks(), "products": [product], **spec}
        return _manifest("Vendor", self.name, spec)

    def license_manifest(self, name: str, token: str, **spec: Any) -> Json:
        """A License to be applied, with its token inline."""
        return _manifest("License", name, {"token": token, **spec})

    def rotate_key(self, kid: str, algorithm: Algorithm = "EdDSA") -> None:
        """Publish one more key, and sign with it from now on."""
        self._keys[kid] = _make_key(kid, algorithm)
        self.kid = kid

    def withdraw_key(self, kid: str) -> None:
        """Publish a key no longer."""
        del self._keys[kid]

    @property
    def _images(self) -> str:
        return f"registry.example/{self.product}/*"

    # -- good tokens ---------------------------------------------------------------------------------------------------

    def claims(self, **changes: Any) -> Json:
        """Claims of a license of one year for `product`, without restrictions.

        A change is put where the contract has its claim (`series` into `license`, `features` into the only grant);
        `grants` replaces the grant, `license` all of that member, and `ABSENT` leaves a claim out.
        """
        self._issued += 1
        registered: Json = {
            "iss": self.issuer,
            "sub": "cust_42",
            "aud": "licet.dev",
            "jti": f"lic_{self._issued:04}",
            "iat": self.now,
            "nbf": self.now,
            "exp": self.now + YEAR,
        }
        grant: Json = {"product": self.product}
        license_: Json = {"customer": {"name": "Globex"}, "grants": [grant]}
        registered["license"] = license_
        for name, value in changes.items():
            level = registered if name in _REGISTERED else license_ if name in _OF_LICENSE else grant
            level[name] = value
        for level in (grant, license_, registered):
            for name in [name for name, value in level.items() if value is ABSENT]:
                del level[name]
        return registered

    def token(self, **changes: Any) -> str:
        """A good token, with these changes to its claims."""
        return self.sign(self.claims(**changes))

    def header(self, kid: str | None = None, **changes: Any) -> Json:
        """The header of a good token, with these changes."""
        kid = kid or self.kid
        alg = _algorithm(self._keys[kid]) if kid in self._keys else "EdDSA"
        header = {"alg": alg, "typ": "license+jwt", "kid": kid, **changes}
        return {name: value for name, value in header.items() if value is not ABSENT}

    def sign(self, payload: Json | bytes | str, *, kid: str | None = None, **header: Any) -> str:
        """Sign a payload, well-formed or not, with one of the keys; `header` changes the header likewise."""
        kid = kid or self.kid
        key = self._keys[kid]
        return _compact(self.header(kid, **header), payload, lambda signed: _sign(key, signed))

    def sign_bytes(self, header: bytes, payload: bytes) -> str:
        """Sign any bytes as header and payload."""
        return _compact(header, payload, lambda signed: _sign(self._keys[self.kid], signed))

    def expired_token(self, **changes: Any) -> str:
        """Good until yesterday, with no grace period."""
        return self.token(**{"iat": self.now - YEAR, "nbf": self.now - YEAR, "exp": self.now - DAY, **changes})

    def token_in_grace(self, **changes: Any) -> str:
        """Good until yesterday, with a grace period of two weeks."""
        return self.expired_token(**{"gracePeriod": "P14D", **changes})

    def early_token(self, **changes: Any) -> str:
        """Issued today, good from next week on: what a renewal is like that was sent in time."""
        return self.token(**{"nbf": self.now + 7 * DAY, **changes})

    def token_from_the_future(self, **changes: Any) -> str:
        """Issued eleven minutes after now."""
        return self.token(**{"iat": self.now + 11 * MINUTE, **changes})

    # -- tokens meant for somebody else --------------------------------------------------------------------------------

    def token_for_another_audience(self, **changes: Any) -> str:
        """Signed by the vendor for another program."""
        return self.token(**{"aud": "updates.acme.example", **changes})

    def token_for_another_cluster(self, **changes: Any) -> str:
        """Bound to the cluster of another customer, from where it was copied."""
        return self.token(**{"bindings": {"clusters": ["f6f1e8a2-0000-4000-8000-000000000000"]}, **changes})

    def token_of_issuer(self, issuer: str) -> str:
        """Signed by this vendor in the name of another issuer."""
        return self.token(iss=issuer)

    # -- forgeries -----------------------------------------------------------------------------------------------------

    def forged_token(self, **changes: Any) -> str:
        """Signed with a stranger's key under the ID of the vendor's."""
        stranger = _make_key("stranger", _algorithm(self._keys[self.kid]))
        return _compact(self.header(), self.claims(**changes), lambda signed: _sign(stranger, signed))

    def altered_token(self) -> str:
        """A good one whose payload was given more rights after it was signed."""
        header, _, signature = self.token().split(".")
        return f"{header}.{encode(to_json(self.claims(features={'everything': True})))}.{signature}"

    def token_with_signature_of_another(self) -> str:
        """Header and payload of one good token, signature of another."""
        return f"{self.token().rpartition('.')[0]}.{self.token().rpartition('.')[2]}"

    def token_without_signature(self) -> str:
        """A good one with its signature cut off."""
        return self.token().rpartition(".")[0] + "."

    def token_with_unpublished_key(self) -> str:
        """Signed with a key that the vendor has not published."""
        key = _make_key("acme-2030", "EdDSA")
        return _compact(self.header("acme-2030"), self.claims(), lambda signed: _sign(key, signed))

    def unsigned_token(self) -> str:
        """`alg: none` (RFC 7519 section 6), which many libraries once took for valid."""
        return _compact(self.header(alg="none"), self.claims(), lambda _: b"")

    def token_signed_with_public_key(self, form: KeyForm) -> str:
        """HS256, with the published key as the secret: good for whoever lets the header choose the algorithm."""
        public = self._keys[self.kid].public_key()
        secret = {
            "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            "JWK": to_json(_jwk(self.kid, self._keys[self.kid])),
        }[form]
        return _compact(
            self.header(alg="HS256"), self.claims(), lambda signed: hmac.digest(secret, signed, hashlib.sha256)
        )

    def rsa_token(self) -> str:
        """RS256, rightly signed with an RSA key."""
        key = _rsa_key()
        return _compact(
            self.header(alg="RS256"), self.claims(), lambda signed: key.sign(signed, padding.PKCS1v15(), SHA256())
        )

    def ed448_token(self) -> str:
        """EdDSA, but on the other curve that RFC 8037 has for it."""
        key = ed448.Ed448PrivateKey.from_private_bytes(_seed("ed448", 57))
        return _compact(self.header(), self.claims(), key.sign)

    def token_with_algorithm_of_another_key(self, kid: str) -> str:
        """Signed with the current key, while the header names another of the vendor's."""
        key = self._keys[self.kid]
        return _compact(self.header(kid, alg=_algorithm(key)), self.claims(), lambda signed: _sign(key, signed))

    def copy_with_another_signature(self, token: str) -> str:
        """The same token as text that differs: of an ECDSA signature (r, s), (r, n - s) is one as well."""
        signed, _, signature = token.rpartition(".")
        raw = decode(signature)
        s = _P256_ORDER - int.from_bytes(raw[32:], "big")
        return f"{signed}.{encode(raw[:32] + s.to_bytes(32, 'big'))}"

    # -- broken tokens -------------------------------------------------------------------------------------------------

    def token_of_size(self, size: int) -> str:
        """Good but for its size in bytes: it is filled up with members that have no meaning."""
        claims = self.claims()
        for header_filling in ("", "x", "xx"):  # no part in base64url is 4n + 1 long, so that two have to share
            room = size - len(self.sign({**claims, "filling": ""}, filling=header_filling))
            for filling in range(room * 3 // 4 - 3, room * 3 // 4 + 3):
                token = self.sign({**claims, "filling": filling * "x"}, filling=header_filling)
                if len(token) == size:
                    return token
        raise ValueError(f"no token has {size} bytes")

    def token_with_five_parts(self) -> str:
        """What an encrypted one (JWE, RFC 7516) looks like."""
        return f"{self.token()}.{encode(b'ciphertext')}.{encode(b'tag')}"

    def token_in_general_json(self) -> str:
        """JWS JSON serialisation (RFC 7515 section 7.2.1), which allows for several signatures."""
        header, payload, signature = self.token().split(".")
        return json.dumps({"payload": payload, "signatures": [{"protected": header, "signature": signature}]})

    def token_in_flattened_json(self) -> str:
        """JWS JSON serialisation (RFC 7515 section 7.2.2)."""
        header, payload, signature = self.token().split(".")
        return json.dumps({"payload": payload, "protected": header, "signature": signature})

    def nested_token(self) -> str:
        """A good one as the payload of another (RFC 7519 section 5.2)."""
        return self.sign(self.token(), cty="JWT")

    def padded_token(self) -> str:
        """A good one with the padding that base64 has elsewhere."""
        return ".".join(part + "=" * (-len(part) % 4) for part in self.token().split("."))

    def token_in_base64_with_plus_and_slash(self) -> str:
        """A good one in the alphabet that base64 has elsewhere."""
        while not {"-", "_"} & set(token := self.token()):
            pass
        return token.translate(str.maketrans("-_", "+/"))

    def token_with_stray_bits(self) -> str:
        """A good one whose signature ends in bits that decoders drop: the same bytes in another text."""
        token = self.token()
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]

    def token_with_line_break(self) -> str:
        """A good one, wrapped as mail programs do."""
        token = self.token()
        return f"{token[:76]}\n{token[76:]}"


def to_json(document: object) -> bytes:
    """Write compact JSON, with NaN as Python does."""
    return json.dumps(document, separators=(",", ":")).encode()


def encode(raw: bytes) -> str:
    """Write base64url without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Read base64url without padding."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _compact(header: Json | bytes, payload: Json | bytes | str, sign: Callable[[bytes], bytes]) -> str:
    header = header if isinstance(header, bytes) else to_json(header)
    if not isinstance(payload, bytes):
        payload = payload.encode() if isinstance(payload, str) else to_json(payload)
    signed = f"{encode(header)}.{encode(payload)}"
    return f"{signed}.{encode(sign(signed.encode()))}"


def _sign(key: PrivateKey, signed: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(signed)
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")  # RFC 7518 section 3.4


def _algorithm(key: PrivateKey) -> Algorithm:
    return "EdDSA" if isinstance(key, ed25519.Ed25519PrivateKey) else "ES256"


def _jwk(kid: str, key: PrivateKey) -> Json:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return {"kid": kid, "kty": "OKP", "crv": "Ed25519", "x": encode(key.public_key().public_bytes_raw())}
    point = key.public_key().public_numbers()
    x, y = (encode(number.to_bytes(32, "big")) for number in (point.x, point.y))
    return {"kid": kid, "kty": "EC", "crv": "P-256", "x": x, "y": y}


def _make_key(kid: str, algorithm: Algorithm) -> PrivateKey:
    seed = _seed(kid, 32)
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    return ec.derive_private_key(int.from_bytes(seed, "big") % (_P256_ORDER - 1) + 1, ec.SECP256R1())


def _seed(text: str, length: int) -> bytes:
    return hashlib.shake_256(text.encode()).digest(length)


@cache
def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2048)  # slow, and can't be made from a seed


def _manifest(kind: str, name: str, spec: Json) -> Json:
    return {"apiVersion": "licet.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
