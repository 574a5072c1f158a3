"""Reading a cluster for an audit, with the caller's own credentials, and how far the answer can be relied on."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from licet import __version__
from licet.cli.inventory import Entry, Verified, list_entries
from licet.cli.live import (
    Cluster,
    ClusterError,
    describe_refusal,
    get_object,
    if_allowed,
    list_break_glasses,
    list_objects,
    read_cluster,
    read_namespaces,
)
from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.records import read_namespace
from licet.cluster.resource import DEPLOYMENTS, INSTALLATIONS, NAMESPACES, VENDORS
from licet.core import bounds
from licet.core.namespaces import Namespace
from licet.core.timestamps import format_instant
from licet.core.verdict import Ground
from licet.resources import Installation

_CONTROLLER: Final = "licet-controller"
_NO_INVENTORY: Final = "--no-inventory"
_SILENT_SECONDS: Final = 3 * 3600  # while it runs, the controller writes the time down at least every two hours


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found in a cluster."""

    cluster: str | None
    """UID of its namespace kube-system; None where the caller may not read that."""
    entries: tuple[Entry, ...]
    break_glasses: tuple[JsonObject, ...]
    """Those for releases of the namespaces that were asked for, open or over."""
    notes: tuple[str, ...]


async def read_audit(
    api: KubeApi, *, operator_namespace: str, namespace: str | None, vendor: str | None, at: int
) -> Audit:
    """Read the inventory, and verify licenses as far as the caller's rights go.

    Args:
        api: reads the cluster.
        operator_namespace: where licet runs.
        namespace: the one to look at; None for all.
        vendor: the name of the Vendor to look at, besides what no Vendor can be told for; None for all.
        at: the instant to judge at, in epoch seconds.

    Raises:
        ClusterError: there is no inventory, or nobody keeps it, or there is no such namespace or Vendor.
        ApiError: the caller may not read it.
    """
    if namespace is not None:
        found = await if_allowed(get_object(api, NAMESPACES.path(name=namespace), metadata_only=True))
        if found is None:
            raise ClusterError(f"there is no namespace {namespace}")
    installations, break_glasses, vendors, controller, verified = await asyncio.gather(
        _read_installations(api, namespace),
        if_allowed(list_break_glasses(api)),
        if_allowed(list_objects(api, VENDORS)),
        if_allowed(get_object(api, DEPLOYMENTS.path(operator_namespace, _CONTROLLER))),
        if_allowed(read_cluster(api, operator_namespace)),
    )
    notes = [*_about_controller(controller), *_about_vendors(vendors)]
    if isinstance(break_glasses, ApiError):
        notes.append(f"BreakGlasses are not listed. {describe_refusal(break_glasses)}")
        break_glasses = []
    emergencies = (each for each in break_glasses if namespace in {None, each["spec"]["release"]["namespace"]})
    if isinstance(verified, Cluster):
        cluster: str | None = verified.ledger.cluster
        judged = await if_allowed(_judge(api, verified, namespace, installations, at))
        notes += [*verified.notes(at), *_about_memory(verified, at)]
    else:
        kube_system = await if_allowed(api.get(NAMESPACES.path(name="kube-system"), metadata_only=True))
        cluster = None if isinstance(kube_system, ApiError) else kube_system["metadata"]["uid"]
        judged = verified
    if isinstance(judged, ApiError):
        notes.append(f"licenses are not verified; this is what the controller wrote. {describe_refusal(judged)}")
    listed = list_entries(installations, None if isinstance(judged, ApiError) else judged)
    entries = tuple(entry for entry in listed if vendor is None or entry.vendor in {vendor, ""})
    if vendor is not None and not isinstance(vendors, ApiError) and vendor not in map(_name, vendors):
        raise ClusterError(f"there is no Vendor {vendor}; kubectl get vendors lists those that are trusted")
    return Audit(
        cluster, entries, tuple(emergencies), (*notes, *_about_entries(entries), *_about_installations(installations))
    )


async def _read_installations(api: KubeApi, namespace: str | None) -> list[Installation]:
    objects = await list_objects(api, INSTALLATIONS, namespace)
    try:
        found = [Installation.model_validate(obj) for obj in objects]
    except ValidationError as error:
        raise ClusterError(f"an Installation is not of a form that this licet {__version__} knows: {error}") from error
    return sorted(found, key=_key)


async def _judge(
    api: KubeApi, cluster: Cluster, namespace: str | None, installations: Sequence[Installation], at: int
) -> Verified:
    if namespace is None:
        listed = await api.list(NAMESPACES.path(), metadata_only=True)
        namespaces: Mapping[str, Namespace] = {each.name: each for each in map(read_namespace, listed.items)}
    else:
        images = (image.namespace for each in installations if each.status for image in each.status.images)
        namespaces = await read_namespaces(api, {namespace, *filter(None, images)})
    return Verified(cluster.ledger.registry, cluster.ledger.assess(cluster.memory, at), namespaces)


def _key(installation: Installation) -> tuple[str, str]:
    return installation.metadata.namespace or "", installation.metadata.name


# -- how far the answer can be relied on -------------------------------------------------------------------------------


def _about_controller(deployment: JsonObject | ApiError | None) -> Iterator[str]:
    """Look at the Deployment that keeps the inventory; who may not see it, or runs licet otherwise, is told nothing."""
    if deployment is None or isinstance(deployment, ApiError):
        return
    containers = deployment["spec"]["template"]["spec"]["containers"]
    if any(_NO_INVENTORY in (container.get("args") or ()) for container in containers):
        raise ClusterError(
            "this cluster keeps no inventory (inventory.enabled=false), so what is installed is not known here"
        )
    if not (deployment.get("status") or {}).get("readyReplicas"):
        yield "the controller is not ready: what has changed since is not in here"


def _about_vendors(vendors: Sequence[JsonObject] | ApiError) -> Iterator[str]:
    if isinstance(vendors, ApiError):
        return
    if not vendors:
        yield "there is no Vendor: nothing needs a license"
    unseen = [_name(each) for each in vendors if not (each.get("status") or {}).get("conditions")]
    if vendors and len(unseen) == len(vendors):
        raise ClusterError(
            "the controller has looked at no Vendor of this cluster, so what is installed is not known. Is it running?"
        )
    if unseen:
        yield f"the controller has not looked at Vendor {', '.join(unseen)} yet"


def _name(obj: JsonObject) -> str:
    name: str = obj["metadata"]["name"]
    return name


def _about_memory(cluster: Cluster, at: int) -> Iterator[str]:
    latest = max(cluster.memory.marks.values(), default=at)
    if latest < at - _SILENT_SECONDS:
        yield (
            f"the controller last wrote down the time at {format_instant(latest)}, as it does every hour or two: "
            "what has changed since is not in here. Is it running?"
        )


def _about_entries(entries: Sequence[Entry]) -> Iterator[str]:
    if differing := sum(entry.differs for entry in entries):
        yield f"what the controller wrote is no longer so for {differing} of {len(entries)} entries. Is it running?"
    if in_grace := sum(entry.licensed and entry.reason == Ground.IN_GRACE for entry in entries):
        yield f"the license of {in_grace} of {len(entries)} entries has expired, and is in its grace period: renew it"


def _about_installations(installations: Sequence[Installation]) -> Iterator[str]:
    waiting = [f"{namespace}/{name}" for namespace, name in (_key(each) for each in installations if not each.status)]
    if waiting:
        yield f"the controller has not looked at Installation {', '.join(waiting)} yet"
    for each in installations:
        if each.status and (
            len(each.status.images) >= bounds.INSTALLATION_IMAGES
            or len(each.status.charts) >= bounds.INSTALLATION_CHARTS
        ):
            yield f"Installation {'/'.join(_key(each))} has more charts or images than it can list"
