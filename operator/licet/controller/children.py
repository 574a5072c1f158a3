"""The ConfigMaps and Secrets that hold projections: what they look like, and how their state is remembered."""

from base64 import b64encode
from collections import defaultdict
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
_SECRET_TYPE: Final = "Opaque"  # noqa: S105 - a type, not a credential


@dataclass(frozen=True, slots=True)
class Child:
    """An object as last seen: whose it is, and what it holds, as a digest."""

    uid: str
    version: int  # resourceVersion, which may be compared (KEP-5504)
    owner_uid: str  # of the Entitlement that controls it; empty where none does
    content: bytes
    frozen: bool  # immutable, or a Secret of another type: its content can't be replaced
    has_others_metadata: bool  # labels, annotations, finalizers or owners that are not licet's

    @classmethod
    def read(cls, kind: TargetKind, obj: JsonObject) -> "Child":
        """Read an object as the API server gives it."""
        metadata = obj["metadata"]
        owner: Mapping[str, Any] = next(filter(_is_ours, metadata.get("ownerReferences") or ()), {})
        return cls(
            uid=metadata["uid"],
            version=int(metadata["resourceVersion"]),
            owner_uid=owner.get("uid", ""),
            content=content_digest(kind, obj),
            frozen=bool(obj.get("immutable")) or obj.get("type", _SECRET_TYPE) != _SECRET_TYPE,
            has_others_metadata=bool(_others_metadata(metadata)),
        )


class Children:
    """All objects that carry licet's label, as last seen, by key and by the Entitlement that controls them."""

    def __init__(self) -> None:
        self._children: dict[ChildKey, Child] = {}
        self._by_owner: defaultdict[str, set[ChildKey]] = defaultdict(set)

    def get(self, key: ChildKey) -> Child | None:
        """Give what is known of an object."""
        return self._children.get(key)

    def of(self, owner_uid: str) -> dict[ChildKey, Child]:
        """Give the objects that an Entitlement controls."""
        return {key: self._children[key] for key in self._by_owner.get(owner_uid, ())}

    def set(self, key: ChildKey, child: Child) -> None:
        """Take in an object; what is older than what is known is left out."""
        known = self._children.get(key)
        if known is not None:
            if known.version > child.version:
                return
            self.forget(key, known.uid)
        self._children[key] = child
        self._by_owner[child.owner_uid].add(key)

    def forget(self, key: ChildKey, uid: str) -> None:
        """Take in that the object with this UID is gone; another one of its name may be there already."""
        known = self._children.get(key)
        if known is None or known.uid != uid:
            return
        del self._children[key]
        self._by_owner[known.owner_uid].discard(key)
        if not self._by_owner[known.owner_uid]:
            del self._by_owner[known.owner_uid]


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
        encoded = {key: b64encode(text.encode()).decode() for key, text in data.items()}
        return body | {"type": _SECRET_TYPE, "data": encoded}
    return body | {"data": dict(data)}


def with_others_metadata(body: JsonObject, current: JsonObject) -> JsonObject:
    """Take over into an object that is to be sent what others have put on the one that is there, as it is now."""
    metadata, others = body["metadata"], _others_metadata(current["metadata"])
    kept = {
        **others,
        "labels": others.get("labels", {}) | metadata["labels"],
        "ownerReferences": [*others.get("ownerReferences", ()), *metadata["ownerReferences"]],
        "resourceVersion": current["metadata"]["resourceVersion"],
    }
    return body | {"metadata": metadata | kept}


def content_digest(kind: TargetKind, obj: Mapping[str, Any]) -> bytes:
    """Digest what licet answers for in an object: its data, owner and label; other metadata is free to others."""
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


def _others_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Give the metadata that somebody else has put on an object, less what is empty."""
    labels = metadata.get("labels") or {}
    others = {
        "labels": {label: value for label, value in labels.items() if label not in MANAGED_BY},
        "annotations": metadata.get("annotations"),
        "finalizers": metadata.get("finalizers"),
        "ownerReferences": [each for each in metadata.get("ownerReferences") or () if not _is_ours(each)],
    }
    return {member: value for member, value in others.items() if value}


def _is_ours(reference: Mapping[str, Any]) -> bool:
    return (
        bool(reference.get("controller"))
        and reference.get("kind") == _OWNER_KIND
        and str(reference.get("apiVersion", "")).partition("/")[0] == GROUP
    )
