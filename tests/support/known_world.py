"""What the controller knows of a cluster, fed by its intake with objects as the API server gives them."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from licet.cluster.ledger import Ledger
from licet.cluster.resource import BREAK_GLASSES, ENTITLEMENTS, INSTALLATIONS, LICENSES, VENDORS, Resource
from licet.controller.intake import Intake
from licet.controller.queue import Item
from licet.controller.world import Affected, World
from licet.core.allocation import Key
from licet.core.namespaces import Namespace
from licet.core.projection import Projection, project
from licet.core.timestamps import format_instant
from support.manifests import break_glass
from support.vendor_simulator import CLUSTER, NOW, VendorSimulator

Json = dict[str, Any]

CREATED = "2026-01-01T00:00:00Z"


class KnownWorld:
    """`world` knows the vendors, and the namespaces that were named; `asked` collects what the intake enqueues."""

    def __init__(self, *vendors: VendorSimulator) -> None:
        self.world = World(Ledger(CLUSTER))
        self.asked: list[Item] = []
        self.intake = Intake(self.world, self.asked.append)
        self._versions = count(1)
        for vendor in vendors:
            self.take(VENDORS, vendor.vendor_manifest())
        self.asked.clear()

    def asked_for(self) -> list[Item]:
        """What has been enqueued since the last time."""
        asked = self.asked.copy()
        self.asked.clear()
        return asked

    def stored(self, manifest: Mapping[str, Any], **metadata: Any) -> Json:
        """An object as the API server gives it, in a version that is later than all before."""
        name = manifest["metadata"]["name"]
        given = {
            "uid": f"uid-{name}",
            "resourceVersion": str(next(self._versions)),
            "generation": 1,
            "creationTimestamp": CREATED,
        }
        return {**manifest, "metadata": {**given, **manifest["metadata"], **metadata}}

    def take(self, resource: Resource, manifest: Mapping[str, Any], **metadata: Any) -> Json:
        """Take in an object; gives it as it was taken in."""
        obj = self.stored(manifest, **metadata)
        self.intake.take(resource, obj)
        return obj

    def forget(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        """Take in that an object is gone."""
        metadata = obj["metadata"]
        self.intake.forget(resource, (metadata.get("namespace", ""), metadata["name"]), metadata["uid"])

    def namespaces(self, *names: str, **labels: str) -> None:
        """Make namespaces known."""
        for name in names:
            self.world.set_namespace(name, Namespace(name, labels))

    def license(self, name: str, token: str, **spec: Any) -> Json:
        """Take in a License with its token inline."""
        return self.take(LICENSES, license_manifest(name, token=token, **spec))

    def entitle(self, name: str = "platform", namespace: str = "prod-eu", **changes: Any) -> Key:
        """Take in an Entitlement; what is not of its metadata replaces members of its spec."""
        metadata = {member: changes.pop(member) for member in ("uid", "creationTimestamp") if member in changes}
        self.take(ENTITLEMENTS, entitlement_manifest(name, namespace, **changes), **metadata)
        return namespace, name

    def install(self, name: str = "platform", namespace: str = "prod-eu", **status: Any) -> Json:
        """Take in an Installation."""
        manifest = _manifest("Installation", {"name": name, "namespace": namespace})
        return self.take(INSTALLATIONS, manifest | {"status": status})

    def open_break_glass(self, name: str = "platform-1", *, created: int = NOW, **spec: Any) -> Json:
        """Take in a BreakGlass for release `platform`, open for an hour; `spec` replaces members of its spec."""
        release = {"namespace": "prod-eu", "name": "platform"}
        manifest = break_glass(**{"release": release, "until": format_instant(created + 3600), **spec})
        return self.take(BREAK_GLASSES, manifest, name=name, creationTimestamp=format_instant(created))

    def assess(self, clock: int = NOW) -> Affected:
        """Judge all Licenses, and give what this may change."""
        return self.world.adopt(self.world.ledger.assess(self.world.memory, clock))

    def projection(self, key: Key) -> Projection:
        """What an Entitlement is to have, as far as is known."""
        record = self.world.entitlements.records[key]
        rights = self.world.rights(key[0], record.product)
        return project(record.request, rights, self.world.allocation(record.product), issuer="", cluster=CLUSTER)


def license_manifest(name: str, **spec: Any) -> Json:
    """A License."""
    return _manifest("License", {"name": name}) | {"spec": spec}


def entitlement_manifest(name: str = "platform", namespace: str = "prod-eu", **spec: Any) -> Json:
    """An Entitlement to product `acme-platform` of Vendor `acme`; `spec` replaces members of its spec."""
    manifest = _manifest("Entitlement", {"name": name, "namespace": namespace})
    return manifest | {"spec": {"vendorRef": {"name": "acme"}, "product": "acme-platform", **spec}}


def _manifest(kind: str, metadata: Json) -> Json:
    return {"apiVersion": "licet.dev/v1alpha1", "kind": kind, "metadata": metadata}
