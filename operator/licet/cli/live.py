"""Reading a cluster once, with the caller's own credentials: what controller and gate know of it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from licet import __version__
from licet.cli.facts import Facts, new_namespace
from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.ledger import Ledger
from licet.cluster.records import LicenseRecord, VendorRecord, read_break_glass, read_namespace, read_ran_here
from licet.cluster.resource import (
    BREAK_GLASSES,
    CONFIG_MAPS,
    INSTALLATIONS,
    LICENSES,
    NAMESPACES,
    SECRETS,
    VENDORS,
    Resource,
)
from licet.cluster.state import MEMORY_NAME, TOKENS_NAME, read_kept_tokens, read_memory, secret_data
from licet.core.breakglass import BreakGlass, Emergency
from licet.core.errors import LicetError
from licet.core.memory import Memory
from licet.core.namespaces import Namespace
from licet.core.timestamps import format_instant
from licet.core.verdict import RanHere

COMPONENT: Final = "licet-cli"

T = TypeVar("T")


class ClusterError(LicetError):
    """The cluster does not answer, does not let the caller, or has no licet."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What decisions depend on, as it was in the cluster a moment ago."""

    ledger: Ledger
    memory: Memory

    def notes(self, at: int) -> tuple[str, ...]:
        """Say what a person should know who asks for the time `at`, in epoch seconds."""
        latest = max(self.memory.marks.values(), default=0)
        if latest <= at:
            return ()
        return (f"the cluster has seen {format_instant(latest)}; licenses are not judged for earlier",)


def ask(kubeconfig: str | None, kube_context: str | None, question: Callable[[KubeApi], Coroutine[Any, Any, T]]) -> T:
    """Ask the cluster that the options `--kubeconfig` and `--context` name.

    Raises:
        ClusterError: it does not answer, or does not let the caller.
        ClusterConfigError: there is no kubeconfig that can be used.
    """

    async def connected() -> T:
        async with KubeApi.connect(kubeconfig, kube_context, user_agent=f"{COMPONENT}/{__version__}") as api:
            return await question(api)

    try:
        return asyncio.run(connected())
    except ApiError as error:
        raise ClusterError(describe_refusal(error)) from error


async def if_allowed(question: Awaitable[T]) -> T | ApiError:
    """Give the answer, or the refusal where the caller has no right to it; raises `ApiError` for anything else."""
    try:
        return await question
    except ApiError as error:
        if not error.is_forbidden:
            raise
        return error


def describe_refusal(error: ApiError) -> str:
    """Say for people why the API server did not do what it was asked."""
    if error.is_forbidden:
        return f"the cluster does not let you do this: {error.message}. Ask its administrator for that right"
    if error.is_unauthorized:
        return f"the cluster does not accept your credentials: {error.message}"
    if error.is_unreachable:
        return f"the cluster does not answer: {error.message}"
    return str(error)


async def list_objects(api: KubeApi, resource: Resource, namespace: str | None = None) -> list[JsonObject]:
    """List objects of a kind; raises `ClusterError` where the cluster does not know the kind, else `ApiError`."""
    try:
        return (await api.list(resource.path(namespace))).items
    except ApiError as error:
        if error.is_not_found:
            raise ClusterError(f"the cluster has no {resource}: licet is not installed in it") from error
        raise


async def get_object(api: KubeApi, path: str, *, metadata_only: bool = False) -> JsonObject | None:
    """Read an object; None where there is none. Raises `ApiError`."""
    try:
        return await api.get(path, metadata_only=metadata_only)
    except ApiError as error:
        if error.is_not_found:
            return None
        raise


async def read_cluster(api: KubeApi, operator_namespace: str) -> Cluster:
    """Read Vendors, Licenses with the Secrets that they refer to, and what licet remembers; raises `ApiError`."""
    memory_path = CONFIG_MAPS.path(operator_namespace, MEMORY_NAME)  # first: it refuses what can't be a name
    vendors, licenses, memory, kube_system = await asyncio.gather(
        list_objects(api, VENDORS),
        list_objects(api, LICENSES),
        get_object(api, memory_path),
        api.get(NAMESPACES.path(name="kube-system"), metadata_only=True),
    )
    ledger = Ledger(kube_system["metadata"]["uid"], kept_stand_in=True)
    for obj in vendors:
        ledger.set_vendor(obj["metadata"]["name"], VendorRecord.read(obj))
    for obj in licenses:
        ledger.set_license(obj["metadata"]["name"], LicenseRecord.read(obj))
    names = sorted({reference.name for reference in ledger.references()})
    secrets = await asyncio.gather(*(get_object(api, SECRETS.path(operator_namespace, name)) for name in names))
    for name, secret in zip(names, secrets, strict=True):
        ledger.set_secret(name, secret_data(secret) if secret is not None else None)
    if None in secrets:  # the tokens that the controller keeps stand in for Secrets that are gone
        kept = await get_object(api, SECRETS.path(operator_namespace, TOKENS_NAME))
        ledger.kept = read_kept_tokens(kept) if kept is not None else {}
    return Cluster(ledger, (read_memory(memory) if memory is not None else None) or Memory())


async def facts_from_cluster(api: KubeApi, *, operator_namespace: str, namespace: str, release: str, at: int) -> Facts:
    """Give what the cluster says about a release; raises `ApiError` and `ClusterError`.

    A namespace that does not exist yet is as `helm --create-namespace` would make it.
    """
    namespace_path, path = NAMESPACES.path(name=namespace), INSTALLATIONS.path(namespace, release)  # may refuse
    cluster, place, installation, (break_glasses, notes) = await asyncio.gather(
        read_cluster(api, operator_namespace),
        get_object(api, namespace_path, metadata_only=True),
        get_object(api, path),
        read_break_glasses(api),
    )
    return Facts(
        registry=cluster.ledger.registry,
        assessment=cluster.ledger.assess(cluster.memory, at),
        namespace=read_namespace(place) if place is not None else new_namespace(namespace),
        ran_here=read_ran_here(installation) if installation is not None else RanHere(),
        emergency=Emergency.of(break_glasses, release, (namespace,), now=at),
        notes=(*notes, *cluster.notes(at)),
    )


async def list_break_glasses(api: KubeApi) -> list[JsonObject]:
    """List all BreakGlasses, the oldest first: none where licet is too old to know any. Raises `ApiError`."""
    try:
        found = (await api.list(BREAK_GLASSES.path())).items
    except ApiError as error:
        if not error.is_not_found:
            raise
        return []
    return sorted(found, key=lambda obj: (obj["metadata"]["creationTimestamp"], obj["metadata"]["name"]))


async def read_break_glasses(api: KubeApi) -> tuple[Sequence[BreakGlass], tuple[str, ...]]:
    """Read all BreakGlasses, and what to say where the caller may not; raises `ApiError`."""
    found = await if_allowed(list_break_glasses(api))
    if isinstance(found, ApiError):
        return (), (f"BreakGlasses are left out of account: {describe_refusal(found)}",)
    return tuple(map(read_break_glass, found)), ()


async def read_namespaces(api: KubeApi, names: Collection[str]) -> Mapping[str, Namespace]:
    """Read namespaces one by one, for which fewer rights are enough than for a list; raises `ApiError`."""
    found = await asyncio.gather(*(get_object(api, NAMESPACES.path(name=name), metadata_only=True) for name in names))
    return {
        name: read_namespace(place) if place is not None else new_namespace(name)
        for name, place in zip(names, found, strict=True)
    }
