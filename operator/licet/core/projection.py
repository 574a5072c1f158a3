"""What applications read: the entitlements document, one flat key per value for `envFrom`, and the tokens.

The bytes depend on the rights alone: no time of writing is among them, keys are sorted, and no member is ever left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from licet.core.allocation import Allocation, Key
from licet.core.claims import UNLIMITED_SUFFIX, FeatureValue
from licet.core.evaluate import Rights
from licet.core.timestamps import format_instant

SCHEMA_VERSION: Final = 1
DOCUMENT_KEY: Final = "entitlements.json"
TOKENS_KEY: Final = "licenses.jwt"

_ENCODER: Final = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True)
class Request:
    """What an Entitlement asks for."""

    key: Key
    created: str  # RFC 3339 in UTC
    vendor: str
    product: str
    features: frozenset[str] | None = None  # None: all that are licensed
    limits: Mapping[str, int] = field(default_factory=dict)  # amounts to reserve


@dataclass(frozen=True, slots=True)
class ProjectedLimit:
    """A limit as an application sees it."""

    max: int | None  # None: unlimited
    per: str | None
    overage: str
    shared: bool  # with the other Entitlements that reserve nothing of it


@dataclass(frozen=True, slots=True)
class Projection:
    """The rights of one Entitlement, ready to be written."""

    rights: Rights
    features: Mapping[str, FeatureValue]
    limits: Mapping[str, ProjectedLimit]
    config_map_data: Mapping[str, str]
    secret_data: Mapping[str, str] = field(repr=False)

    @property
    def license_ids(self) -> tuple[str, ...]:
        """The `jti` of each license that the rights come from."""
        return tuple(token.claims.jti for token in self.rights.tokens)


def project(request: Request, rights: Rights, allocation: Allocation, *, issuer: str, cluster: str) -> Projection:
    """Narrow the rights of a namespace to what an Entitlement asks for, and write them down.

    Args:
        request: what the Entitlement asks for.
        rights: of its namespace in its product.
        allocation: of the limits among all Entitlements of the product.
        issuer: of the Vendor; empty where there is no such Vendor.
        cluster: UID of the namespace `kube-system`.
    """
    features = {
        name: value for name, value in rights.features.items() if request.features is None or name in request.features
    }
    granted = allocation.granted.get(request.key, {})
    limits = {
        name: ProjectedLimit(
            max=granted.get(name, 0) if name in request.limits else allocation.left(name, limit),
            per=limit.per,
            overage=limit.overage,
            shared=name not in request.limits,
        )
        for name, limit in rights.limits.items()
    }
    document = _ENCODER.encode(
        {
            "schemaVersion": SCHEMA_VERSION,
            "vendor": request.vendor,
            "issuer": issuer,
            "product": request.product,
            "plan": rights.plan or "",
            "customer": rights.customer or "",
            "trial": rights.trial,
            "state": rights.state,
            "notAfter": _instant(rights.not_after),
            "graceUntil": _instant(rights.grace_until),
            "features": features,
            "limits": limits,
            "licenses": [token.claims.jti for token in rights.tokens],
            "clusterUID": cluster,
        }
    ).decode()
    return Projection(
        rights=rights,
        features=features,
        limits=limits,
        config_map_data={DOCUMENT_KEY: document, **_flat_keys(rights, features, limits)},
        secret_data={
            TOKENS_KEY: "".join(f"{token.text}\n" for token in rights.tokens),
            DOCUMENT_KEY: document,
        },
    )


def _flat_keys(
    rights: Rights, features: Mapping[str, FeatureValue], limits: Mapping[str, ProjectedLimit]
) -> dict[str, str]:
    keys = {
        "LICET_STATE": str(rights.state),
        "LICET_PLAN": rights.plan or "",
        "LICET_NOT_AFTER": _instant(rights.not_after) or "",
    }
    for name, value in features.items():
        keys[f"LICET_FEATURE_{_variable(name)}"] = _flat(value)
    for name, limit in limits.items():
        if limit.max is None:
            keys[f"LICET_LIMIT_{_variable(name + UNLIMITED_SUFFIX)}"] = "true"
        else:
            keys[f"LICET_LIMIT_{_variable(name)}"] = str(limit.max)
    return keys


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def _flat(value: FeatureValue) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            return ",".join(value)
        case scalar:
            return str(scalar)


def _instant(instant: int | None) -> str | None:
    return None if instant is None else format_instant(instant)
