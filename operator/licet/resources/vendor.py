"""Vendor: whom the cluster trusts to sign licenses, and which charts and images need one."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import ConfigDict, Field, StrictInt, StringConstraints
from pydantic.json_schema import SkipJsonSchema

from licet.core import bounds
from licet.core.globs import LITERAL_CHARACTERS
from licet.core.reasons import Enforcement
from licet.resources.base import AGE, Column, Definition, Model, Resource, Scope, condition_column
from licet.resources.fields import Name, Text
from licet.resources.markers import ATOMIC_LIST, SET, Rule, map_by
from licet.resources.meta import ConditionType, Status

_MEMBER_LENGTH: Final = 1024  # of a JWK's short text members, and of the secret ones that are refused
_KEY_OPERATIONS: Final = 8  # RFC 7517 section 4.3 knows eight
_HOST_AND_PATH: Final = "^([A-Za-z0-9.-]+|[[][0-9A-Fa-f:.]+[]])(:[0-9]{1,5})?(/[A-Za-z0-9._-]+)*$"

Coordinate = Annotated[str, StringConstraints(max_length=43, pattern="^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")]
"""32 bytes in base64url without padding (RFC 8037 section 2, RFC 7518 section 6.2.1); the last two bits are zero."""

Member = Annotated[str, StringConstraints(max_length=_MEMBER_LENGTH)]

Glob = Annotated[
    str,
    StringConstraints(min_length=1, max_length=bounds.GLOB_LENGTH),
    Rule(
        f"self.matches('^[^*]{{{bounds.GLOB_LITERAL_PREFIX}}}')",
        f"a pattern begins with at least {bounds.GLOB_LITERAL_PREFIX} characters before its first *, "
        "so that no vendor can claim everything",
    ),
    Rule(
        f"self.matches('^[*{LITERAL_CHARACTERS}]+$')",
        "expected letters, digits and any of . _ : / - as they stand in the names, and * for any run of characters",
    ),
]
Globs = Annotated[tuple[Glob, ...], Field(max_length=bounds.PATTERNS_PER_PRODUCT), SET]

Location = Annotated[
    str,
    StringConstraints(min_length=1, max_length=bounds.GLOB_LENGTH),
    Rule(
        f"self.matches('{_HOST_AND_PATH}')",
        "expected a registry and optionally a path, as in an image reference, without a scheme: "
        "harbor.example.com:5000/team",
    ),
]


class JSONWebKey(Model):
    """A public key of the vendor (RFC 7517), for Ed25519 (RFC 8037) or ECDSA on P-256 (RFC 7518)."""

    model_config = ConfigDict(extra="allow", alias_generator=None)

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.d)",
            "this is a private key: whoever reads it can sign licenses; put the public half here, "
            "and replace the key pair, because this one is exposed",
            path=".d",
            reason="FieldValueForbidden",
        ),
        Rule(
            "!has(self.k)",
            "this is a symmetric key: whoever can verify with it can also sign licenses; use Ed25519 or P-256",
            path=".k",
            reason="FieldValueForbidden",
        ),
        Rule(
            "self.kty in ['OKP', 'EC']",
            "expected OKP (with crv Ed25519) or EC (with crv P-256); symmetric (oct) and RSA keys are not accepted",
            path=".kty",
        ),
        Rule(
            "self.kty == 'OKP' ? has(self.crv) && self.crv == 'Ed25519' : true",
            "kty OKP needs crv Ed25519",
            path=".crv",
        ),
        Rule("self.kty == 'EC' ? has(self.crv) && self.crv == 'P-256' : true", "kty EC needs crv P-256", path=".crv"),
        Rule("self.kty in ['OKP', 'EC'] ? has(self.x) : true", "the public key's x is missing", path=".x"),
        Rule(
            "self.kty == 'EC' ? has(self.y) : true",
            'kty EC needs y beside x; in YAML its name has to be quoted, "y": …, since a bare y reads as true',
            path=".y",
        ),
        Rule("!has(self.use) || self.use == 'sig'", "expected sig: this key has to verify signatures", path=".use"),
        Rule(
            "!has(self.alg) || (self.kty == 'OKP' && self.alg in ['EdDSA', 'Ed25519']) "
            "|| (self.kty == 'EC' && self.alg == 'ES256')",
            "does not fit the key: expected EdDSA or Ed25519 for kty OKP, ES256 for kty EC",
            path=".alg",
        ),
        Rule(
            "!has(self.key_ops) || 'verify' in self.key_ops",
            "expected verify among the operations: this key has to verify signatures",
            path=".key_ops",
        ),
    )

    kid: Text = Field(description="Key ID, unique in this Vendor; the header of a token names the key by it.")
    kty: Member = Field(description="Key type: OKP for an Ed25519 key, EC for one on the curve P-256.")
    crv: Member | None = Field(default=None, description="Curve: Ed25519 with kty OKP, P-256 with kty EC.")
    x: Coordinate | None = Field(
        default=None, description="The public key (kty OKP), or its x coordinate (kty EC): 32 bytes in base64url."
    )
    y: Coordinate | None = Field(
        default=None, description="The y coordinate of the public key (kty EC only): 32 bytes in base64url."
    )
    use: Member | None = Field(default=None, description="What the key is for; if given, sig.")
    alg: Member | None = Field(
        default=None,
        description="The algorithm of the key; if given, EdDSA or Ed25519 with kty OKP, ES256 with kty EC. "
        "Tokens are verified with the algorithm of the key, whatever their header says.",
    )
    key_ops: Annotated[tuple[Member, ...], Field(max_length=_KEY_OPERATIONS), ATOMIC_LIST] | None = Field(
        default=None, description="What the key may be used for; if given, verify is among it."
    )
    d: Member | None = Field(
        default=None, repr=False, description="Refused: the private half of a key belongs to the vendor alone."
    )
    k: Member | None = Field(
        default=None, repr=False, description="Refused: a symmetric key signs as well as it verifies."
    )


class JSONWebKeySet(Model):
    """The vendor's public keys, as a JSON Web Key Set (RFC 7517)."""

    model_config = ConfigDict(extra="allow")

    keys: Annotated[tuple[JSONWebKey, ...], Field(min_length=1, max_length=bounds.KEYS_PER_VENDOR), map_by("kid")] = (
        Field(
            description="The keys that the vendor signs with: one, or during a rotation the old and the new one. "
            "Removing a key ends the licenses signed with it at once. Members that licet does not need are kept."
        )
    )


class Product(Model):
    """A product of the vendor, and how to recognise it in the cluster."""

    name: Name = Field(description="The product's name, as the vendor's tokens grant it.")
    charts: Globs = Field(
        default=(),
        description="Names of the Helm charts that need a license for this product. * matches any run of characters; "
        "at least three characters come before it. The most specific pattern decides the product of a chart.",
    )
    images: Globs = Field(
        default=(),
        description="Image repositories, without tag, that need a license for this product. * matches any run of "
        "characters, / included; at least three characters come before it.",
    )


class Mirror(Model):
    """A place from which the cluster pulls the vendor's images instead of the vendor's own registry."""

    source: Location = Field(description="The vendor's registry, or a path in it, such as registry.acme.example.")
    mirror: Location = Field(
        description="Where copies of it lie, such as harbor.bank.example/acme. "
        "An image from there is judged as the image of the source that it is a copy of."
    )


class VendorSpec(Model):
    """What a cluster admin says about a vendor."""

    issuer: Annotated[
        Text,
        Rule("self == oldSelf", "issuer is immutable; delete this Vendor and create one with the other issuer"),
    ] = Field(
        description="The vendor's identity: exactly the `iss` of its tokens. Immutable. "
        "Of two Vendors with one issuer neither is trusted."
    )
    jwks: JSONWebKeySet = Field(
        description="The vendor's public keys, as the vendor publishes them (JSON Web Key Set, RFC 7517)."
    )
    enforcement: Enforcement = Field(
        default=Enforcement.ENFORCE,
        description="What happens to a Helm release, or a workload, of this vendor that is not licensed. Enforce: "
        "it is refused. Warn: it is let in, and whoever brings it is warned. Audit: it is let in and recorded.",
    )
    products: Annotated[tuple[Product, ...], Field(max_length=bounds.PRODUCTS_PER_VENDOR), map_by("name")] = Field(
        default=(),
        description="The vendor's products. A license for a product that is not listed here carries no rights.",
    )
    mirrors: Annotated[tuple[Mirror, ...], Field(max_length=bounds.MIRRORS_PER_VENDOR), map_by("source", "mirror")] = (
        Field(default=(), description="Registries that hold copies of the vendor's images.")
    )


class VendorStatus(Status):
    """What the controller found out about a vendor."""

    licenses: Annotated[StrictInt, Field(ge=0)] | None = Field(
        default=None, description="How many Licenses carry a token that a key of this Vendor verifies."
    )


class Vendor(Resource):
    """A software vendor whom this cluster trusts to sign licenses, and what of the vendor's needs a license."""

    definition: ClassVar[Definition] = Definition(
        kind="Vendor",
        plural="vendors",
        short_name="vnd",
        scope=Scope.CLUSTER,
        columns=(
            Column(name="Issuer", path=".spec.issuer", description="The `iss` of the vendor's tokens."),
            Column(
                name="Enforcement",
                path=".spec.enforcement",
                description="What happens to a release that is not licensed.",
            ),
            Column(
                name="Licenses",
                path=".status.licenses",
                type="integer",
                description="How many Licenses carry a token of this vendor.",
            ),
            condition_column("Ready", ConditionType.READY, "status", "Whether the vendor is trusted."),
            AGE,
        ),
    )

    kind: SkipJsonSchema[Literal["Vendor"]] = "Vendor"
    spec: VendorSpec = Field(description="Whom to trust, and what needs a license.")
    status: VendorStatus | None = Field(default=None, description="What the controller found out; written by it only.")
