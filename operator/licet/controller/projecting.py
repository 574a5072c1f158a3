"""Writing what applications read: the ConfigMap and the Secret of each Entitlement, and its status.

- An object is licet's when it is controlled by this very Entitlement, known by its UID. Any other of that name is never
  touched; one that still belongs to an Entitlement that is gone is waited for, since the garbage collector is at it.
- Objects are created and replaced, not applied: a replacement takes keys away that others added, costs a fourth less
  than server-side apply, and is bound to the UID, so that it can't hit an object that was put in its place. Labels,
  annotations and the like that others have put on are carried over.
- What holds already is not written: the content last seen is compared by digest.
- An object under a name that is not asked for any more is deleted when the one under the new name is there, or when an
  older Entitlement asks for the name. Until then it holds what is licensed, as applications still read it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.resource import ENTITLEMENTS
from licet.controller.children import RESOURCES, Child, ChildKey, content_digest, manifest, with_others_metadata
from licet.controller.entitlements import EntitlementRecord
from licet.controller.statuses import entitlement_status
from licet.controller.world import World
from licet.controller.writer import StatusWriter
from licet.core.allocation import Key
from licet.core.projection import Projection, project
from licet.resources.entitlement import TargetKind

_DATA_BYTES: Final = 1024 * 1024  # what the API server takes as data of a ConfigMap or a Secret
_WAIT_FOR_GARBAGE_COLLECTOR_SECONDS: Final = 1.0
_LOOK_AGAIN_SECONDS: Final = 5.0  # objects of others are not watched, so their removal has to be looked for


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a target from being written: reason and message of `Ready`, and when to look again, in seconds."""

    reason: str
    message: str
    look_again: float | None = _LOOK_AGAIN_SECONDS


class Projector:
    """Reconciles Entitlements."""

    def __init__(self, api: KubeApi, world: World, writer: StatusWriter) -> None:
        self._api = api
        self._world = world
        self._writer = writer

    async def reconcile(self, key: Key, *, now: int) -> float | None:
        """Bring the objects and the status of one Entitlement to what its licenses grant.

        Gives the seconds after which to look again, where something stands in the way that no event will announce.

        Raises:
            ApiError: a write failed for a reason that may pass.
        """
        world = self._world
        record = world.entitlements.records.get(key)
        observed = world.observed[ENTITLEMENTS].get(key)
        if record is None or observed is None:
            return None  # what it owned is the garbage collector's
        if key[0] not in world.namespaces:
            return None  # it is being deleted, or new: then its labels, on which licenses may depend, are on their way
        projection = self._project(record)
        data = {TargetKind.CONFIG_MAP: projection.config_map_data, TargetKind.SECRET: projection.secret_data}
        met = await asyncio.gather(*(self._bring_about(record, kind, data[kind]) for kind in record.targets))
        obstacles = {kind: obstacle for kind, obstacle in zip(record.targets, met, strict=True) if obstacle is not None}
        status = entitlement_status(
            record.request,
            projection,
            observed,
            written={kind: name for kind, name in record.targets.items() if kind not in obstacles},
            problem=_problem(list(obstacles.values())),
            now=now,
        )
        await self._writer.write(ENTITLEMENTS, key, observed, status)
        return min((each.look_again for each in obstacles.values() if each.look_again is not None), default=None)

    def _project(self, record: EntitlementRecord) -> Projection:
        world = self._world
        vendor = world.registry.get(record.request.vendor)
        return project(
            record.request,
            world.rights(record.request.key[0], record.product),
            world.allocation(record.product),
            issuer=vendor.issuer if vendor else "",
            cluster=world.cluster,
        )

    async def _bring_about(
        self, record: EntitlementRecord, kind: TargetKind, data: Mapping[str, str]
    ) -> Obstacle | None:
        """Write one target, and settle what the Entitlement had in its place under another name."""
        namespace, name = record.request.key[0], record.targets[kind]
        key: ChildKey = kind, namespace, name
        if sum(len(text.encode()) for text in data.values()) > _DATA_BYTES:
            message = f"{kind} {name} would be over {_DATA_BYTES} bytes; what it held before stays. Use fewer licenses"
            return Obstacle("ProjectionTooLarge", message, look_again=None)
        obstacle = self._older_claim(record, key)
        try:
            if obstacle is None:
                obstacle = await self._write(key, _manifest(record, key, data), record)
        except ApiError as error:
            obstacle = _refusal(key, error)
        try:
            await self._settle_others(record, key, data, is_there=obstacle is None)
        except ApiError as error:
            refused = _refusal(key, error)  # which raises what may pass, so that it is tried again
            return obstacle or refused
        return obstacle

    def _older_claim(self, record: EntitlementRecord, key: ChildKey) -> Obstacle | None:
        kind, _, name = key
        owner = self._world.entitlements.owner_of(key)
        if owner is None or self._world.entitlements.records[owner].age >= record.age:
            return None
        message = f"{kind} {name} is the target of the older Entitlement {owner[1]}; choose another in spec.target"
        return Obstacle("TargetConflict", message, look_again=None)

    async def _write(self, key: ChildKey, body: JsonObject, record: EntitlementRecord) -> Obstacle | None:
        kind, namespace, name = key
        child = self._world.children.get(key)
        if child is None:
            try:
                self._seen(key, await self._api.create(RESOURCES[kind].path(namespace), body))
            except ApiError as error:
                if not error.is_already_exists:
                    raise
                child = Child.read(kind, await self._api.get(RESOURCES[kind].path(namespace, name)))
            else:
                return None
        if child.owner_uid != record.uid:
            return self._explain(key, child)
        if child.content != content_digest(kind, body):
            await self._replace(key, body, child)
        return None

    async def _replace(self, key: ChildKey, body: JsonObject, child: Child) -> None:
        kind, namespace, name = key
        path = RESOURCES[kind].path(namespace, name)
        if child.has_others_metadata:
            body = with_others_metadata(body, await self._api.get(path))
        if child.frozen:  # then it can only be made anew, which its owner may do
            await self._api.delete(path, uid=child.uid)
            body["metadata"].pop("resourceVersion", None)
            self._seen(key, await self._api.create(RESOURCES[kind].path(namespace), body))
        else:
            body["metadata"]["uid"] = child.uid
            self._seen(key, await self._api.replace(path, body))

    def _explain(self, key: ChildKey, child: Child) -> Obstacle:
        """Tell what to make of an object that another controls, or nobody."""
        kind, _, name = key
        if child.owner_uid and child.owner_uid not in self._world.entitlements.by_uid:
            message = f"{kind} {name} still belongs to a deleted Entitlement; it is made anew once it is collected"
            return Obstacle("TargetPending", message, look_again=_WAIT_FOR_GARBAGE_COLLECTOR_SECONDS)
        message = f"{kind} {name} exists and is not this Entitlement's; remove it, or choose another in spec.target"
        return Obstacle("TargetConflict", message)

    async def _settle_others(
        self, record: EntitlementRecord, current: ChildKey, data: Mapping[str, str], *, is_there: bool
    ) -> None:
        """Delete or renew what this Entitlement owns of a kind under names that it does not, or may not, ask for."""
        kind, namespace, _ = current
        for key, child in self._world.children.of(record.uid).items():
            if key[0] is not kind:
                continue
            is_elders = self._older_claim(record, key) is not None
            if key == current and not is_elders:
                continue
            if is_there or is_elders:
                await self._api.remove(RESOURCES[kind].path(namespace, key[2]), uid=child.uid)
                self._world.children.forget(key, child.uid)
            else:
                await self._write(key, _manifest(record, key, data), record)

    def _seen(self, key: ChildKey, obj: JsonObject) -> None:
        self._world.children.set(key, Child.read(key[0], obj))


def _manifest(record: EntitlementRecord, key: ChildKey, data: Mapping[str, str]) -> JsonObject:
    return manifest(key[0], key[2], data, owner_name=record.request.key[1], owner_uid=record.uid)


def _refusal(key: ChildKey, error: ApiError) -> Obstacle:
    """Say what the API server refuses for good; raises what may pass."""
    kind, namespace, name = key
    if error.is_namespace_terminating:
        return Obstacle("NamespaceTerminating", f"namespace {namespace} is being deleted", look_again=None)
    if error.is_forbidden or error.is_invalid:
        return Obstacle("WriteRefused", f"{kind} {name} can't be written: {error.message}")
    raise error


def _problem(obstacles: Sequence[Obstacle]) -> tuple[str, str] | None:
    if not obstacles:
        return None
    return obstacles[0].reason, "; ".join(obstacle.message for obstacle in obstacles)
