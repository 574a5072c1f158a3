"""The ConfigMaps and Secrets that hold projections: what they look like, and how their state is remembered."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from licet.cluster.api import JsonObject
from licet.cluster.resource import CONFIG_MAPS, SECRETS, Resource
from licet.controller.observed import digest
from licet.resources.base import GROUP, VERSION
from licet.resources.entitlement import TargetKind

MANAGED_BY: Final = {"app.kubernetes.io/managed-by": "licet"}
MANAGED_BY_SELECTOR: Final = "app.kubernetes.io/managed-by=licet"

RESOURCES: Final[Mapping[TargetKind, Resource]] = {TargetKind.CONFIG_MAP: CONFIG_MAPS, TargetKind.SECRET: SECRETS}

ChildKey = tuple[TargetKind, str, str]  # kind, namespace, name

_OWNER_API: Final = f"{GROUP}/{VERSION}"
_OWNER_KIND: Final = "Entitlement"


@dataclass(frozen=True, slots=True)
class Child:
    """An object as last seen: whose it is, and what it holds, as a digest."""

    uid: str
    version: int  # resourceVersion, which grows with every change (Kubernetes API conventions, "Resource Versions")
    owner_uid: str  # of the Entitlement that controls it; empty where none does
    owner_name: str
    content: bytes

    @classmethod
    def read(cls, kind: TargetKind, obj: JsonObject) -> "Child":
        """Read an object as the API server gives it."""
        metadata = obj["metadata"]
        owner: Mapping[str, Any] = next(filter(_is_ours, metadata.get("ownerReferences") or ()), {})
        return cls(
            uid=metadata["uid"],
            version=int(metadata["resourceVersion"]),
            owner_uid=owner.get("uid", ""),
            owner_name=owner.get("name", ""),
            content=content_digest(kind, obj),
        )


def manifest(kind: TargetKind, name: str, data: Mapping[str, str], *, owner_name: str, owner_uid: str) -> JsonObject:
    """Make the object that holds a projection, as it is sent."""
    body: JsonObject = {
        "apiVersion": "v1",
        "kind": kind.value,
        "metadata": {
            "name": name,
            "labels": dict(MANAGED_BY),
            "ownerReferences": [
                {
                    "apiVersion": _OWNER_API,
                    "kind": _OWNER_KIND,
                    "name": owner_name,
                    "uid": owner_uid,
                    "controller": True,
                }
            ],
        },
    }
    if kind is TargetKind.SECRET:
        return body | {"type": "Opaque", "data": {key: b64encode(text.encode()).decode() for key, text in data.items()}}
    return body | {"data": dict(data)}


def content_digest(kind: TargetKind, obj: Mapping[str, Any]) -> bytes:
    """Digest what licet answers for in an object: its data, owner and label; other labels and annotations are free."""
    metadata = obj["metadata"]
    return digest(
        [
            kind,
            obj.get("type"),
            obj.get("data") or {},
            obj.get("binaryData") or {},
            bool(obj.get("immutable")),
            [each.get("uid") for each in metadata.get("ownerReferences") or () if _is_ours(each)],
            [(metadata.get("labels") or {}).get(label) for label in MANAGED_BY],
        ]
    )


def _is_ours(reference: Mapping[str, Any]) -> bool:
    return (
        bool(reference.get("controller"))
        and reference.get("kind") == _OWNER_KIND
        and str(reference.get("apiVersion", "")).partition("/")[0] == GROUP
    )
