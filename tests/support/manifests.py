"""Manifests of the custom resources: builders of good ones, and tables of those on and beyond the rules' edges."""

from typing import Any

from licet.core import bounds

X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
OKP = {"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": X}
EC = {"kty": "EC", "crv": "P-256", "kid": "one", "x": X, "y": X}
UNTIL = "2026-01-02T01:00:00Z"
SECRET = "5ecretVa1ueThatMustNotShow"

Manifest = dict[str, Any]


def manifest(kind: str, spec: Manifest | None, name: str = "crd-test") -> Manifest:
    body: Manifest = {"apiVersion": "licet.dev/v1alpha1", "kind": kind, "metadata": {"name": name}}
    return body if spec is None else {**body, "spec": spec}


def vendor(**spec: Any) -> Manifest:
    return manifest("Vendor", {"issuer": "https://crd-test.example", "jwks": {"keys": [OKP]}, **spec})


def vendor_with_key(base: Manifest, **members: Any) -> Manifest:
    merged = {**base, **members}
    key = {name: value for name, value in merged.items() if value is not None}
    return vendor(jwks={"keys": [key]})


def vendor_with_keys(count: int) -> Manifest:
    return vendor(jwks={"keys": [{**OKP, "kid": f"key-{number}"} for number in range(count)]})


def vendor_with_product(**product: Any) -> Manifest:
    return vendor(products=[{"name": "acme-platform", **product}])


def license_(**spec: Any) -> Manifest:
    return manifest("License", spec)


def license_from(**reference: Any) -> Manifest:
    return license_(tokenFrom={"secretKeyRef": {"name": "acme-license", "key": "license.jwt", **reference}})


def license_for(**allowed: Any) -> Manifest:
    return license_(token=SECRET, allowedNamespaces=allowed)


def license_where(**requirement: Any) -> Manifest:
    return license_for(selector={"matchExpressions": [{"key": "team", "operator": "In", **requirement}]})


def entitlement(**spec: Any) -> Manifest:
    return manifest("Entitlement", {"vendorRef": {"name": "acme"}, "product": "acme-platform", **spec})


def break_glass(**spec: Any) -> Manifest:
    release = {"namespace": "prod-eu", "name": "web"}
    given = {"release": release, "reason": "the database is on fire", "requestedBy": "jane", "until": UNTIL}
    return manifest("BreakGlass", {**given, **spec}, "web-1")


def names(count: int, prefix: str = "name") -> list[str]:
    return [f"{prefix}-{number}" for number in range(count)]


ACCEPTED: dict[str, Manifest] = {
    # Vendor
    "P-256 key": vendor_with_key(EC),
    "key with its use": vendor_with_key(OKP, use="sig", alg="EdDSA", key_ops=["verify"]),
    "key with the algorithm's name of RFC 9864": vendor_with_key(OKP, alg="Ed25519"),
    "P-256 key with its algorithm": vendor_with_key(EC, alg="ES256"),
    "pasted key with other members": vendor_with_key(OKP, x5t="abc", x5c=["MII"], nested={"a": [1]}),
    "pasted key set with other members": vendor(jwks={"keys": [OKP], "publisher": "acme"}),
    "as many keys as allowed": vendor_with_keys(bounds.KEYS_PER_VENDOR),
    "longest key ID": vendor_with_key(OKP, kid="k" * bounds.TEXT_LENGTH),
    "longest issuer": vendor(issuer="i" * bounds.TEXT_LENGTH),
    "as many products as allowed": vendor(products=[{"name": n} for n in names(bounds.PRODUCTS_PER_VENDOR)]),
    "longest product name": vendor(products=[{"name": "p" * bounds.NAME_LENGTH}]),
    "as many chart patterns as allowed": vendor_with_product(charts=names(bounds.PATTERNS_PER_PRODUCT)),
    "as many image patterns as allowed": vendor_with_product(images=names(bounds.PATTERNS_PER_PRODUCT)),
    "longest pattern": vendor_with_product(charts=["p" * bounds.GLOB_LENGTH]),
    "shortest prefix of a pattern": vendor_with_product(charts=["acm*"], images=["reg*/x/*"]),
    "as many mirrors as allowed": vendor(
        mirrors=[{"source": "registry.acme.example", "mirror": n} for n in names(bounds.MIRRORS_PER_VENDOR)]
    ),
    "longest mirror, with port and path": vendor(
        mirrors=[{"source": "registry.acme.example:5000/a/b", "mirror": "m" * bounds.GLOB_LENGTH}]
    ),
    "mirror by its IPv6 address": vendor(
        mirrors=[{"source": "registry.acme.example", "mirror": "[fd00::1]:5000/acme"}]
    ),
    **{f"enforcement {word}": vendor(enforcement=word) for word in ("Enforce", "Warn", "Audit")},
    # License
    "any token of one character": license_(token="x"),
    "any token of the greatest length": license_(token="\u20ac" * bounds.TOKEN_BYTES),
    "token from a Secret": license_from(),
    "longest names of Secret and key": license_from(name="s" * 253, key="k" * 253),
    "namespaces by name": license_for(names=["prod-eu"]),
    "no namespace at all": license_for(names=[]),
    "all namespaces by selector": license_for(selector={}),
    "namespaces both ways": license_for(names=["prod-eu"], selector={"matchLabels": {"team": "pay"}}),
    "as many namespaces as allowed": license_for(names=names(bounds.ALLOWED_NAMESPACES)),
    "longest namespace": license_for(names=["n" * 63]),
    "as many labels as allowed": license_for(
        selector={"matchLabels": dict.fromkeys(names(bounds.SELECTOR_TERMS, "example.com/label"), "")}
    ),
    "as many requirements as allowed": license_for(
        selector={"matchExpressions": [{"key": "team", "operator": "Exists"}] * bounds.SELECTOR_TERMS}
    ),
    "as many values as allowed": license_where(values=names(bounds.SELECTOR_VALUES)),
    "longest label": license_where(key=f"{'d' * 253}/{'k' * 63}", values=["v" * 63]),
    # Entitlement
    "least entitlement": entitlement(),
    "longest names": entitlement(vendorRef={"name": "v" * 253}, product="p" * bounds.NAME_LENGTH),
    "no feature": entitlement(features=[]),
    "as many features as allowed": entitlement(features=names(bounds.FEATURES)),
    "longest feature": entitlement(features=["f" * bounds.NAME_LENGTH]),
    "as many limits as allowed": entitlement(limits=dict.fromkeys(names(bounds.LIMITS), 1)),
    "longest limit": entitlement(limits={"l" * bounds.NAME_LENGTH: 1}),
    "least and greatest reservation": entitlement(limits={"seats": 0, "calls": bounds.LIMIT_MAX}),
    "one target": entitlement(target={"configMap": {"name": "c" * 253}}),
    "both targets": entitlement(target={"configMap": {"name": "one"}, "secret": {"name": "s" * 253}}),
    # Installation
    "installation without anything": manifest("Installation", None),
    # BreakGlass
    "least break-glass": break_glass(),
    "break-glass for some charts": break_glass(charts=[{"name": "acme-platform", "version": "3.1.0"}]),
    "shortest reason": break_glass(reason="r" * 10),
    "longest reason": break_glass(reason="r" * 1024),
    "longest user name": break_glass(requestedBy="u" * bounds.USER_NAME_LENGTH),
}

REFUSED: dict[str, tuple[Manifest, str, str]] = {
    # Vendor
    "no spec": (manifest("Vendor", None), "spec", "Required"),
    "no issuer": (manifest("Vendor", {"jwks": {"keys": [OKP]}}), "spec.issuer", "Required"),
    "empty issuer": (vendor(issuer=""), "spec.issuer", "at least 1"),
    "issuer too long": (vendor(issuer="i" * (bounds.TEXT_LENGTH + 1)), "spec.issuer", "more than 256"),
    "no key set": (manifest("Vendor", {"issuer": "i"}), "spec.jwks", "Required"),
    "no key": (vendor_with_keys(0), "spec.jwks.keys", "at least 1 items"),
    "too many keys": (vendor_with_keys(bounds.KEYS_PER_VENDOR + 1), "spec.jwks.keys", "at most 16 items"),
    "two keys of one ID": (vendor(jwks={"keys": [OKP, EC]}), "spec.jwks.keys[1]", "Duplicate"),
    "key without ID": (vendor_with_key(OKP, kid=None), "spec.jwks.keys[0].kid", "Required"),
    "empty key ID": (vendor_with_key(OKP, kid=""), "spec.jwks.keys[0].kid", "at least 1"),
    "key ID too long": (vendor_with_key(OKP, kid="k" * 257), "spec.jwks.keys[0].kid", "more than 256"),
    "key without type": (vendor_with_key(OKP, kty=None), "spec.jwks.keys[0].kty", "Required"),
    "private Ed25519 key": (vendor_with_key(OKP, d=SECRET), "spec.jwks.keys[0].d", "this is a private key"),
    "private P-256 key": (vendor_with_key(EC, d=SECRET), "spec.jwks.keys[0].d", "this is a private key"),
    "symmetric key": (
        vendor_with_key({"kty": "oct", "kid": "one", "k": SECRET}), "spec.jwks.keys[0].k", "this is a symmetric key",
    ),
    "symmetric key by type": (vendor_with_key({"kty": "oct", "kid": "one"}), "spec.jwks.keys[0].kty", "symmetric"),
    "symmetric member of a public key": (vendor_with_key(OKP, k=SECRET), "spec.jwks.keys[0].k", "symmetric key"),
    "RSA key": (
        vendor_with_key({"kty": "RSA", "kid": "one", "n": "AQAB", "e": "AQAB"}), "spec.jwks.keys[0].kty", "RSA",
    ),
    "other curve of OKP": (vendor_with_key(OKP, crv="Ed448"), "spec.jwks.keys[0].crv", "needs crv Ed25519"),
    "OKP without curve": (vendor_with_key(OKP, crv=None), "spec.jwks.keys[0].crv", "needs crv Ed25519"),
    "other curve of EC": (vendor_with_key(EC, crv="P-384"), "spec.jwks.keys[0].crv", "needs crv P-256"),
    "OKP without x": (vendor_with_key(OKP, x=None), "spec.jwks.keys[0].x", "x is missing"),
    "EC without x": (vendor_with_key(EC, x=None), "spec.jwks.keys[0].x", "x is missing"),
    "EC without y": (vendor_with_key(EC, y=None), "spec.jwks.keys[0].y", "needs y beside x"),
    "x too short": (vendor_with_key(OKP, x=X[1:]), "spec.jwks.keys[0].x", "should match"),
    "x too long": (vendor_with_key(OKP, x=X + "A"), "spec.jwks.keys[0].x", "more than 43"),
    "x in base64 with other letters": (vendor_with_key(OKP, x="+" + X[1:]), "spec.jwks.keys[0].x", "should match"),
    "x not canonical": (vendor_with_key(OKP, x=X[:-1] + "p"), "spec.jwks.keys[0].x", "should match"),
    "y not canonical": (vendor_with_key(EC, y=X[:-1] + "p"), "spec.jwks.keys[0].y", "should match"),
    "key for encryption": (vendor_with_key(OKP, use="enc"), "spec.jwks.keys[0].use", "expected sig"),
    "algorithm of the other type": (vendor_with_key(OKP, alg="ES256"), "spec.jwks.keys[0].alg", "does not fit"),
    "other algorithm of EC": (vendor_with_key(EC, alg="EdDSA"), "spec.jwks.keys[0].alg", "does not fit"),
    "key that signs only": (vendor_with_key(OKP, key_ops=["sign"]), "spec.jwks.keys[0].key_ops", "expected verify"),
    "other enforcement": (vendor(enforcement="Strict"), "spec.enforcement", '"Enforce", "Warn", "Audit"'),
    "too many products": (
        vendor(products=[{"name": n} for n in names(bounds.PRODUCTS_PER_VENDOR + 1)]), "spec.products", "at most 64",
    ),
    "product twice": (vendor(products=[{"name": "a"}, {"name": "a"}]), "spec.products[1]", "Duplicate"),
    "product without name": (vendor(products=[{}]), "spec.products[0].name", "Required"),
    "product name too long": (vendor(products=[{"name": "p" * 64}]), "spec.products[0].name", "63"),
    "product name in capitals": (vendor(products=[{"name": "Acme"}]), "spec.products[0].name", "should match"),
    "too many chart patterns": (vendor_with_product(charts=names(65)), "spec.products[0].charts", "at most 64"),
    "chart pattern twice": (vendor_with_product(charts=["acme", "acme"]), "spec.products[0].charts[1]", "Duplicate"),
    "pattern for everything": (vendor_with_product(charts=["*"]), "spec.products[0].charts[0]", "at least 3 char"),
    "prefix too short": (vendor_with_product(charts=["ac*"]), "spec.products[0].charts[0]", "at least 3 char"),
    "image prefix too short": (vendor_with_product(images=["ac*"]), "spec.products[0].images[0]", "at least 3 char"),
    "pattern without three characters": (vendor_with_product(charts=["ac"]), "spec.products[0].charts[0]", "at least"),
    "pattern of another dialect": (vendor_with_product(charts=["acme-?"]), "spec.products[0].charts[0]", "expected"),
    "pattern too long": (vendor_with_product(charts=["p" * 256]), "spec.products[0].charts[0]", "more than 255"),
    "too many image patterns": (vendor_with_product(images=names(65)), "spec.products[0].images", "at most 64"),
    "too many mirrors": (
        vendor(mirrors=[{"source": "acme", "mirror": n} for n in names(33)]), "spec.mirrors", "at most 32",
    ),
    "mirror twice": (vendor(mirrors=[{"source": "acme", "mirror": "m"}] * 2), "spec.mirrors[1]", "Duplicate"),
    "mirror without source": (vendor(mirrors=[{"mirror": "m"}]), "spec.mirrors[0].source", "Required"),
    "mirror with a scheme": (
        vendor(mirrors=[{"source": "acme", "mirror": "https://m"}]), "spec.mirrors[0].mirror", "without a scheme",
    ),
    "mirror too long": (
        vendor(mirrors=[{"source": "acme", "mirror": "m" * 256}]), "spec.mirrors[0].mirror", "more than 255",
    ),
    "member that does not exist": (vendor(enforcment="Warn"), "spec.enforcment", "unknown field"),
    # License
    "no token": (license_(), "spec", "exactly one of token and tokenFrom"),
    "token twice": (
        license_(token=SECRET, **license_from()["spec"]), "spec", "exactly one of token and tokenFrom",
    ),
    "empty token": (license_(token=""), "spec.token", "at least 1"),
    "token too long": (license_(token=SECRET + "x" * bounds.TOKEN_BYTES), "spec.token", "more than 65536"),
    "token that is no string": (license_(token=[SECRET]), "spec.token", "must be of type string"),
    "token from nowhere": (license_(tokenFrom={}), "spec.tokenFrom.secretKeyRef", "Required"),
    "Secret without name": (
        license_(tokenFrom={"secretKeyRef": {"key": "k"}}), "spec.tokenFrom.secretKeyRef.name", "Required",
    ),
    "Secret without key": (
        license_(tokenFrom={"secretKeyRef": {"name": "s"}}), "spec.tokenFrom.secretKeyRef.key", "Required",
    ),
    "Secret name too long": (license_from(name="s" * 254), "spec.tokenFrom.secretKeyRef.name", "more than 253"),
    "Secret name in capitals": (license_from(name="Acme"), "spec.tokenFrom.secretKeyRef.name", "should match"),
    "key too long": (license_from(key="k" * 254), "spec.tokenFrom.secretKeyRef.key", "more than 253"),
    "key with a slash": (license_from(key="a/b"), "spec.tokenFrom.secretKeyRef.key", "should match"),
    "allowed namespaces without any": (license_for(), "spec.allowedNamespaces", "expected names, selector, or both"),
    "too many namespaces": (license_for(names=names(257)), "spec.allowedNamespaces.names", "at most 256"),
    "namespace twice": (license_for(names=["a", "a"]), "spec.allowedNamespaces.names[1]", "Duplicate"),
    "namespace as pattern": (license_for(names=["prod-*"]), "spec.allowedNamespaces.names[0]", "should match"),
    "namespace too long": (license_for(names=["n" * 64]), "spec.allowedNamespaces.names[0]", "more than 63"),
    "too many labels": (
        license_for(selector={"matchLabels": dict.fromkeys(names(33), "v")}),
        "spec.allowedNamespaces.selector.matchLabels",
        "at most 32",
    ),
    "label that is none": (
        license_for(selector={"matchLabels": {"two words": "v"}}),
        "spec.allowedNamespaces.selector.matchLabels",
        "expected keys of labels",
    ),
    "label value that is none": (
        license_for(selector={"matchLabels": {"team": "two words"}}),
        "spec.allowedNamespaces.selector.matchLabels.team",
        "should match",
    ),
    "too many requirements": (
        license_for(selector={"matchExpressions": [{"key": "team", "operator": "Exists"}] * 33}),
        "spec.allowedNamespaces.selector.matchExpressions",
        "at most 32",
    ),
    "requirement without key": (
        license_where(key=None), "spec.allowedNamespaces.selector.matchExpressions[0].key", "Required",
    ),
    "requirement on no label": (
        license_where(key="-", values=["v"]),
        "spec.allowedNamespaces.selector.matchExpressions[0].key",
        "should match",
    ),
    "requirement on too long a label": (
        license_where(key=f"{'d' * 254}/{'k' * 63}", values=["v"]),
        "spec.allowedNamespaces.selector.matchExpressions[0].key",
        "more than 317",
    ),
    "other operator": (
        license_where(operator="Gt", values=["1"]),
        "spec.allowedNamespaces.selector.matchExpressions[0].operator",
        "Unsupported value",
    ),
    "In without values": (
        license_where(), "spec.allowedNamespaces.selector.matchExpressions[0].values", "at least one value",
    ),
    "NotIn with an empty list": (
        license_where(operator="NotIn", values=[]),
        "spec.allowedNamespaces.selector.matchExpressions[0].values",
        "at least one value",
    ),
    "Exists with values": (
        license_where(operator="Exists", values=["v"]),
        "spec.allowedNamespaces.selector.matchExpressions[0].values",
        "take no values",
    ),
    "too many values": (
        license_where(values=names(65)), "spec.allowedNamespaces.selector.matchExpressions[0].values", "at most 64",
    ),
    "value too long": (
        license_where(values=["v" * 64]), "spec.allowedNamespaces.selector.matchExpressions[0].values[0]", "than 63",
    ),
    # Entitlement
    "no vendor": (manifest("Entitlement", {"product": "p"}), "spec.vendorRef", "Required"),
    "vendor without name": (entitlement(vendorRef={}), "spec.vendorRef.name", "Required"),
    "vendor name too long": (entitlement(vendorRef={"name": "v" * 254}), "spec.vendorRef.name", "more than 253"),
    "no product": (manifest("Entitlement", {"vendorRef": {"name": "v"}}), "spec.product", "Required"),
    "empty product": (entitlement(product=""), "spec.product", "should match"),
    "product too long": (entitlement(product="p" * 64), "spec.product", "more than 63"),
    "too many features": (entitlement(features=names(257)), "spec.features", "at most 256"),
    "feature twice": (entitlement(features=["sso", "sso"]), "spec.features[1]", "Duplicate"),
    "feature too long": (entitlement(features=["f" * 64]), "spec.features[0]", "more than 63"),
    "feature that is no name": (entitlement(features=["1st"]), "spec.features[0]", "should match"),
    "too many limits": (entitlement(limits=dict.fromkeys(names(65), 1)), "spec.limits", "at most 64"),
    "limit too long": (entitlement(limits={"l" * 64: 1}), "spec.limits", "names have 1 to 63"),
    "limit that is no name": (entitlement(limits={"Seats": 1}), "spec.limits", "names have 1 to 63"),
    "limit named as unlimited": (entitlement(limits={"seats-unlimited": 1}), "spec.limits", "does not end in"),
    "negative reservation": (entitlement(limits={"seats": -1}), "spec.limits.seats", "greater than or equal to 0"),
    "reservation too great": (
        entitlement(limits={"seats": bounds.LIMIT_MAX + 1}), "spec.limits.seats", "less than or equal to",
    ),
    "reservation of a part": (entitlement(limits={"seats": 1.5}), "spec.limits.seats", "integer"),
    "reservation as text": (entitlement(limits={"seats": "10"}), "spec.limits.seats", "integer"),
    "target without name": (entitlement(target={"secret": {}}), "spec.target.secret.name", "Required"),
    "target that is no name": (
        entitlement(target={"configMap": {"name": "Up"}}), "spec.target.configMap.name", "should match",
    ),
    "target too long": (
        entitlement(target={"configMap": {"name": "c" * 254}}), "spec.target.configMap.name", "more than 253",
    ),
    # Installation
    "installation with a spec": (manifest("Installation", {"charts": []}), "spec", "unknown field"),
    # BreakGlass
    "reason that says nothing": (break_glass(reason="emergency"), "spec.reason", "at least 10"),
    "reason that says too much": (break_glass(reason="r" * 1025), "spec.reason", "more than 1024"),
    "nobody": (break_glass(requestedBy=""), "spec.requestedBy", "at least 1"),
    "end that is no time": (break_glass(until="tomorrow"), "spec.until", "date-time"),
    "no release": (manifest("BreakGlass", {"reason": "r" * 10}), "spec.release", "Required"),
    "release that is no name": (
        break_glass(release={"namespace": "prod-*", "name": "web"}), "spec.release.namespace", "should match",
    ),
    "no chart": (break_glass(charts=[]), "spec.charts", "at least 1 items"),
    "chart without version": (
        break_glass(charts=[{"name": "acme-platform"}]), "spec.charts[0].version", "Required",
    ),
}  # fmt: skip
