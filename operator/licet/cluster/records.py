"""Reading custom resources, as the API server gives them, into the values that the core takes.

The API server has validated them against the CRDs; what may still be wrong here is what no schema can say, such as keys
that are no points on their curve. A Vendor with such a fault keeps protecting its charts; its problems are listed.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from licet.core import bounds
from licet.core.breakglass import BreakGlass
from licet.core.errors import GlobError, KeySetError
from licet.core.globs import Glob
from licet.core.images import Mirror
from licet.core.jwks import KeySet
from licet.core.namespaces import Namespace, NamespaceScope, Operator, Requirement
from licet.core.projection import Request
from licet.core.reasons import Enforcement
from licet.core.timestamps import parse_instant
from licet.core.vendors import Product, Vendor
from licet.core.verdict import RanHere
from licet.resources.installation import RELEASE_KINDS, SourceKind

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VendorRecord:
    """A Vendor as read, and what is wrong with it."""

    vendor: Vendor
    problems: tuple[str, ...] = ()

    @classmethod
    def read(cls, obj: Object) -> Self:
        """Read a Vendor; a pattern or key set that can't be used is a problem of this Vendor alone."""
        spec, metadata = obj["spec"], obj["metadata"]
        problems: list[str] = []
        try:
            keys = KeySet.parse(spec.get("jwks"))
        except KeySetError as error:
            keys = None
            problems.append(f"spec.jwks: {error}")
        products = tuple(
            Product(
                name=product["name"],
                charts=_globs(product.get("charts"), problems),
                images=_globs(product.get("images"), problems),
            )
            for product in spec.get("products") or ()
        )
        vendor = Vendor(
            name=metadata["name"],
            issuer=spec["issuer"],
            keys=keys,
            products=products,
            enforcement=Enforcement(spec.get("enforcement", Enforcement.ENFORCE)),
            created=metadata.get("creationTimestamp", ""),
            mirrors=tuple(Mirror.of(each["source"], each["mirror"]) for each in spec.get("mirrors") or ()),
        )
        return cls(vendor, tuple(problems))


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where in the operator's namespace a token lies."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class LicenseRecord:
    """A License as read: where its token is, and the namespaces that it is narrowed to."""

    name: str
    uid: str
    token: str | None = field(repr=False)
    token_from: SecretRef | None
    scope: NamespaceScope | None

    @classmethod
    def read(cls, obj: Object) -> Self:
        """Read a License."""
        spec, metadata = obj["spec"], obj["metadata"]
        reference = (spec.get("tokenFrom") or {}).get("secretKeyRef")
        return cls(
            name=metadata["name"],
            uid=metadata.get("uid", ""),
            token=spec.get("token"),
            token_from=SecretRef(reference["name"], reference["key"]) if reference else None,
            scope=_scope(spec.get("allowedNamespaces")),
        )


@dataclass(frozen=True, slots=True)
class KeptToken:
    """A verified token as the controller keeps it, and the License and reference that it was read for."""

    uid: str
    token_from: SecretRef
    token: str = field(repr=False)

    def dump(self) -> bytes:
        """Write as JSON."""
        reference = {"name": self.token_from.name, "key": self.token_from.key}
        return json.dumps({"uid": self.uid, "secretKeyRef": reference, "token": self.token}, sort_keys=True).encode()

    @classmethod
    def load(cls, raw: bytes) -> "KeptToken | None":
        """Read what `dump` wrote; anything else is no kept token."""
        try:
            document = json.loads(raw)
            reference = SecretRef(str(document["secretKeyRef"]["name"]), str(document["secretKeyRef"]["key"]))
            return cls(str(document["uid"]), reference, str(document["token"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            return None


def read_namespace(obj: Object) -> Namespace:
    """Read a Namespace, or the metadata of one."""
    metadata = obj["metadata"]
    return Namespace(metadata["name"], metadata.get("labels") or {})


def read_images(pod: Object) -> frozenset[str]:
    """Read which images a Pod has, those of its volumes too; of what is too long to be one, the beginning."""
    spec = pod["spec"]
    containers = (
        container
        for member in ("containers", "initContainers", "ephemeralContainers")
        for container in spec.get(member) or ()
    )
    volumes = (volume.get("image") or {} for volume in spec.get("volumes") or ())
    images = (*(each.get("image") for each in containers), *(each.get("reference") for each in volumes))
    return frozenset(sys.intern(image[: bounds.IMAGE_LENGTH]) for image in images if image)


def read_request(obj: Object) -> Request:
    """Read what an Entitlement asks for."""
    spec, metadata = obj["spec"], obj["metadata"]
    features = spec.get("features")
    return Request(
        key=(metadata["namespace"], metadata["name"]),
        created=metadata.get("creationTimestamp", ""),
        vendor=spec["vendorRef"]["name"],
        product=spec["product"],
        features=None if features is None else frozenset(features),
        limits=spec.get("limits") or {},
    )


def read_ran_here(obj: Object) -> RanHere:
    """Read what an Installation remembers of a release or an Application: what runs, and what once ran licensed.

    That of an Application tells nothing to a release that may be about to take its name, nor the other way round; that
    of something else tells nothing to either.
    """
    status = obj.get("status") or {}
    running = frozenset((chart["name"], chart["version"]) for chart in status.get("charts") or ())
    licensed = frozenset(
        (entry["chart"], entry["version"]) for entry in status.get("history") or () if entry.get("licensed")
    )
    kind = (status.get("source") or {}).get("kind", SourceKind.RELEASE)
    if kind in RELEASE_KINDS:
        return RanHere(running=running, licensed=licensed)
    if kind == SourceKind.APPLICATION:
        return RanHere(rendered=running, rendered_licensed=licensed)
    return RanHere()


def read_break_glass(obj: Object) -> BreakGlass:
    """Read a BreakGlass."""
    spec, metadata = obj["spec"], obj["metadata"]
    charts = spec.get("charts")
    return BreakGlass(
        name=metadata["name"],
        namespace=spec["release"]["namespace"],
        release=spec["release"]["name"],
        requested_by=spec["requestedBy"],
        reason=spec["reason"],
        created=parse_instant(metadata["creationTimestamp"]),
        until=parse_instant(spec["until"]),
        charts=None if charts is None else tuple((chart["name"], chart["version"]) for chart in charts),
    )


def _globs(patterns: list[str] | None, problems: list[str]) -> tuple[Glob, ...]:
    globs: list[Glob] = []
    for pattern in patterns or ():
        try:
            globs.append(Glob.parse(pattern))
        except GlobError as error:
            problems.append(str(error))
    return tuple(globs)


def _scope(allowed: Object | None) -> NamespaceScope | None:
    if allowed is None:
        return None
    selector = allowed.get("selector")
    return NamespaceScope(
        names=frozenset(allowed.get("names") or ()),
        selector=None if selector is None else _requirements(selector),
    )


def _requirements(selector: Object) -> tuple[Requirement, ...]:
    labels = (
        Requirement(key, Operator.IN, frozenset((value,))) for key, value in (selector.get("matchLabels") or {}).items()
    )
    expressions = (
        Requirement(term["key"], Operator(term["operator"]), frozenset(term.get("values") or ()))
        for term in selector.get("matchExpressions") or ()
    )
    return (*labels, *expressions)
