"""Watching what is not licet's own: namespaces, projections, Helm releases, and the operator's state.

These are watched without kopf, because of them only metadata, or only what carries licet's label, is wanted.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.records import read_namespace
from licet.cluster.releases import RELEASE_OBJECTS
from licet.cluster.resource import (
    CONFIG_MAPS,
    NAMESPACES,
    PODS,
    SECRETS,
    WEBHOOK_CONFIGURATIONS,
    WORKLOAD_KINDS,
    WORKLOAD_POLICIES,
)
from licet.cluster.state import MEMORY_NAME, TOKENS_NAME
from licet.cluster.watch import Informer
from licet.cluster.watch import Key as ObjectKey
from licet.controller.certificates import CA_SECRET, SERVING_SECRET, WEBHOOK_CONFIGURATION
from licet.controller.children import MANAGED_BY_SELECTOR, RESOURCES, Child
from licet.controller.judging import read_policy
from licet.controller.observed import Written
from licet.controller.queue import Item, Kind
from licet.controller.releases import Revision
from licet.controller.workloads import Ref, Workload
from licet.controller.world import World
from licet.core.images import ImageReference
from licet.core.namespaces import Namespace
from licet.core.release import RELEASE_TYPE
from licet.resources.entitlement import TargetKind

_ITEM_OF_SECRET: Final = {
    CA_SECRET: Item(Kind.CERTIFICATE),
    SERVING_SECRET: Item(Kind.CERTIFICATE),
    TOKENS_NAME: Item(Kind.KEPT_TOKENS),
}
# How long what a workload belongs to, its controller or its release, may take to be heard of by a watch of its own.
_EARLY_SECONDS: Final = 2.0


class Informers:
    """Makes the informers, which keep the world up to date and enqueue what has to be reconciled."""

    def __init__(
        self,
        api: KubeApi,
        world: World,
        namespace: str,
        enqueue: Callable[[Item], None],
        enqueue_later: Callable[[Item, float], None],
    ) -> None:
        self._api = api
        self._world = world
        self._namespace = namespace  # the operator's own
        self._enqueue = enqueue
        self._enqueue_later = enqueue_later  # in some seconds

    def make(self, *, inventory: bool, workload_policies: bool) -> Iterator[Informer[Any]]:
        """Make all informers; Helm releases are watched for the `inventory`, WorkloadPolicies where they are kept."""
        api, own = self._api, self._namespace
        yield Informer(api, NAMESPACES, _read_lasting_namespace, self._on_namespace, metadata_only=True)
        for kind, resource in RESOURCES.items():
            read, on_change = partial(Child.read, kind), partial(self._on_child, kind)
            yield Informer(api, resource, read, on_change, label_selector=MANAGED_BY_SELECTOR)
        yield Informer(
            api,
            SECRETS,
            _version,
            self._on_own_secret,
            namespace=own,
            field_selector=f"type!={RELEASE_TYPE}",
            metadata_only=True,
        )
        yield Informer(
            api,
            CONFIG_MAPS,
            _version,
            lambda *_: self._enqueue(Item(Kind.MEMORY)),
            namespace=own,
            field_selector=f"metadata.name={MEMORY_NAME}",
            metadata_only=True,
        )
        yield Informer(
            api,
            WEBHOOK_CONFIGURATIONS,
            _version,
            lambda *_: self._enqueue(Item(Kind.CERTIFICATE)),
            field_selector=f"metadata.name={WEBHOOK_CONFIGURATION}",
            metadata_only=True,
        )
        if inventory:
            for storage, objects in RELEASE_OBJECTS.items():
                yield Informer(
                    api,
                    objects.resource,
                    partial(Revision.read, storage),
                    self._on_revision,
                    field_selector=objects.field_selector,
                    label_selector=objects.label_selector,
                    metadata_only=True,
                )
        if workload_policies:
            yield Informer(api, WORKLOAD_POLICIES, read_policy, self._on_workload_policy)

    def make_of_workloads(self, *, inventory: bool, workload_policies: bool) -> tuple[Informer[Workload], ...]:
        """Make the informers of workloads: for the `inventory` of all kinds, for WorkloadPolicies of Pods alone.

        What of them the API server refuses to list, all else does without.
        """
        kinds = WORKLOAD_KINDS if inventory else {"Pod": PODS} if workload_policies else {}
        informers = tuple(
            Informer(
                self._api,
                resource,
                partial(Workload.read, kind),
                partial(self._on_workload, kind, inventory=inventory, workload_policies=workload_policies),
            )
            for kind, resource in kinds.items()
        )
        self._world.workloads_listed = lambda: all(informer.synced.is_set() for informer in informers)
        return informers

    def _on_namespace(self, key: ObjectKey, _: Namespace | None, new: Namespace | None) -> None:
        for affected in self._world.set_namespace(key[1], new):
            self._enqueue(Item(Kind.ENTITLEMENT, *affected))
        for release in {*self._world.releases.in_namespace(key[1]), *self._world.sources.placed(key[1])}:
            self._enqueue(Item(Kind.INSTALLATION, *release))
        for source in self._world.protected_sources(key[1]):
            self._enqueue_source(source)
        for vendor in self._world.policies:
            self._enqueue(Item(Kind.WORKLOAD_POLICY, name=vendor))  # what runs there may be licensed only now
        for name, record in self._world.break_glasses.items():
            if record.break_glass.namespace == key[1]:
                self._enqueue(Item(Kind.BREAK_GLASS, name=name))  # what rules it out may depend on labels

    def _on_child(self, kind: TargetKind, key: ObjectKey, old: Child | None, new: Child | None) -> None:
        children, entitlements = self._world.children, self._world.entitlements
        child_key = kind, *key
        known = children.get(child_key)
        if new is not None:
            children.set(child_key, new)
        elif old is not None:
            children.forget(child_key, old.uid)
        now = children.get(child_key)
        if known is not None and now is not None and known.content == now.content:
            return  # the echo of what was just written, or a change that is free to others
        concerned = {entitlements.owner_of(child_key)}
        concerned |= {entitlements.by_uid.get(each.owner_uid) for each in (known, now) if each is not None}
        for entitlement in filter(None, concerned):
            self._enqueue(Item(Kind.ENTITLEMENT, *entitlement))

    def _on_own_secret(self, key: ObjectKey, _old: str | None, _new: str | None) -> None:
        name = key[1]
        if name in _ITEM_OF_SECRET:
            self._enqueue(_ITEM_OF_SECRET[name])
        elif self._world.refers_to_secret(name):
            self._enqueue(Item(Kind.TOKEN, name=name))

    def _on_workload_policy(self, key: ObjectKey, _: Written | None, new: Written | None) -> None:
        name, policies = key[1], self._world.policies
        if new is None:
            policies.pop(name, None)
        else:
            policies[name] = new.or_newer(policies.get(name))
        self._enqueue(Item(Kind.WORKLOAD_POLICY, name=name))

    def _on_workload(
        self,
        kind: str,
        key: ObjectKey,
        old: Workload | None,
        new: Workload | None,
        *,
        inventory: bool,
        workload_policies: bool,
    ) -> None:
        if kind == "Pod" and workload_policies:
            self._on_images(key[0], *(each.images if each is not None else frozenset() for each in (old, new)))
        if inventory:
            for source in self._world.set_workload(Ref(key[0], kind, key[1]), old, new):
                self._enqueue_source(source)

    def _on_images(self, namespace: str, old: frozenset[str], new: frozenset[str]) -> None:
        for image in self._world.images.change(namespace, old, new):
            claim = self._world.registry.claim_for_image(*ImageReference.parse(image).names)
            if claim is not None:
                self._enqueue(Item(Kind.WORKLOAD_POLICY, name=claim.vendor))

    def _enqueue_source(self, source: Ref) -> None:
        sources = self._world.sources
        item = Item(Kind.INSTALLATION, *sources.enlist(source))
        if sources.is_early(source):
            self._enqueue_later(item, _EARLY_SECONDS)
        else:
            self._enqueue(item)

    def _on_revision(self, key: ObjectKey, old: Revision | None, new: Revision | None) -> None:
        releases, sources = self._world.set_revision(key[0], old, new)
        for release in releases:
            self._enqueue(Item(Kind.INSTALLATION, *release))
            for installation in self._world.sources.displaced(release):
                self._enqueue(Item(Kind.INSTALLATION, *installation))
        for source in sources:
            self._enqueue_source(source)


def _read_lasting_namespace(obj: JsonObject) -> Namespace | None:
    """Read a namespace; one that is being deleted is as good as gone, since nothing can be made in it any more."""
    return None if "deletionTimestamp" in obj["metadata"] else read_namespace(obj)


def _version(obj: JsonObject) -> str:
    version: str = obj["metadata"]["resourceVersion"]
    return version
