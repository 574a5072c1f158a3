"""The Entitlements of the cluster, as far as projecting needs them, and who has which target."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from licet.cluster.records import read_request
from licet.controller.children import ChildKey
from licet.core.allocation import Key
from licet.core.projection import Request
from licet.resources.entitlement import TargetKind

ProductKey = tuple[str, str]  # names of vendor and product


@dataclass(frozen=True, slots=True)
class EntitlementRecord:
    """An Entitlement: what it asks for, and where it is written."""

    uid: str
    request: Request
    targets: Mapping[TargetKind, str]  # names of the objects to write

    @classmethod
    def read(cls, obj: Mapping[str, Any]) -> Self:
        """Read an Entitlement as the API server gives it."""
        target = obj["spec"].get("target") or {}
        name = obj["metadata"]["name"]
        return cls(
            uid=obj["metadata"]["uid"],
            request=read_request(obj),
            targets={
                TargetKind.CONFIG_MAP: target.get("configMap", {}).get("name", name),
                TargetKind.SECRET: target.get("secret", {}).get("name", name),
            },
        )

    @property
    def product(self) -> ProductKey:
        """The vendor and product that it is about."""
        return self.request.vendor, self.request.product

    @property
    def age(self) -> tuple[str, Key]:
        """Sort key that puts the one first that wins a target or a limit."""
        return self.request.created, self.request.key

    def child_keys(self) -> Iterator[ChildKey]:
        """Name the objects that it is written to."""
        for kind, name in self.targets.items():
            yield kind, self.request.key[0], name


class Entitlements:
    """All Entitlements, by key, product, namespace and target."""

    def __init__(self) -> None:
        self.records: dict[Key, EntitlementRecord] = {}
        self.by_product: defaultdict[ProductKey, set[Key]] = defaultdict(set)
        self.by_namespace: defaultdict[str, set[Key]] = defaultdict(set)
        self.by_target: defaultdict[ChildKey, set[Key]] = defaultdict(set)
        self.by_uid: dict[str, Key] = {}

    def set(self, key: Key, record: EntitlementRecord | None) -> None:
        """Take in an Entitlement, or its deletion."""
        old = self.records.pop(key, None)
        if old is not None:
            self.by_product[old.product].discard(key)
            self.by_namespace[key[0]].discard(key)
            self.by_uid.pop(old.uid, None)
            for child in old.child_keys():
                self.by_target[child].discard(key)
                if not self.by_target[child]:
                    del self.by_target[child]
        if record is not None:
            self.records[key] = record
            self.by_product[record.product].add(key)
            self.by_namespace[key[0]].add(key)
            self.by_uid[record.uid] = key
            for child in record.child_keys():
                self.by_target[child].add(key)

    def owner_of(self, child: ChildKey) -> Key | None:
        """Tell which Entitlement a target belongs to: the oldest that names it."""
        keys = self.by_target.get(child, ())
        return min(keys, key=lambda key: self.records[key].age, default=None)
